"""The exported model: the same answer for a record alone, in a batch or in a file."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors
from pydantic import ValidationError

from ..profiling.schema import Schema, columns_from_records
from ..project.errors import UserError
from ..project.files import read_json, restore_folder
from .encoder import Derive, Encoder
from .snapshot import Snapshot

Matrix = NDArray[np.float32]
Model = Callable[[Matrix], NDArray[np.float64]]
Respond = Callable[["Predictor", NDArray[np.float64]], list[dict[str, Any]]]

_UNUSABLE = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
)


class Predictor:
    """A model bundle, ready to answer; it needs numpy and onnxruntime only.

    Parameters
    ----------
    metadata : dict
        The bundle's `metadata.json`.
    encoder : Encoder
        The encoding step that training fitted.
    model : callable
        From float32 of shape (n, d) to probabilities of shape (n, K) or values of shape (n, 1).
    snapshot : Snapshot
        The columns a caller may leave out.
    respond : callable, optional
        From the model's outputs to what a caller is told, one dict a row; only `predict_records`
        and `predict_columns` need it.
    """

    def __init__(
        self,
        metadata: dict[str, Any],
        encoder: Encoder,
        model: Model,
        snapshot: Snapshot,
        respond: Respond | None = None,
    ) -> None:
        self.metadata = metadata
        self.version = str(metadata["model_version"])
        self.schema = Schema.from_json(metadata["schema"])
        self._encoder = encoder
        self._model = model
        self._snapshot = snapshot
        self._respond = respond
        self._known = {
            part["name"]: frozenset({*part["categories"], *part["rare"], None})
            for part in encoder.parts_
            if part["kind"] == "category" and part["name"] in encoder.kinds
        }

    @classmethod
    def load(cls, folder: Path, derive: Derive, respond: Respond | None = None) -> Self:
        """Read the bundle at `folder`.

        Parameters
        ----------
        folder : Path
        derive : callable
            The project's own features, as in training.
        respond : callable, optional
            What a caller is told.

        Raises
        ------
        UserError
            If there is no bundle, or one that cannot be used.
        """
        restore_folder(folder)
        contents = [
            read_json(folder / f"{name}.json", "train")
            for name in ("metadata", "encoder", "lookups")
        ]
        metadata, state, lookups = contents
        try:
            schema = Schema.from_json(metadata["schema"])
            model = _load_skops if metadata["format"] == "skops" else _load_onnx
            return cls(
                metadata,
                Encoder.from_state(state, derive),
                model(folder, metadata),
                Snapshot(lookups, {column.name: column.kind for column in schema.columns}),
                respond,
            )
        except (KeyError, TypeError, ValidationError, *_UNUSABLE) as error:
            raise UserError(
                f"The model in {folder} cannot be used ({type(error).__name__}: {error}). "
                "Run `train` again."
            ) from error

    def predict_records(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Answer validated records; a column that may be left out may be absent.

        Returns
        -------
        list of dict
            As `predict_columns`.
        """
        return self.predict_columns(columns_from_records(self.schema, list(records)))

    def predict_columns(self, columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        """Answer typed columns of the schema, each of shape (n,).

        Returns
        -------
        list of dict
            What `respond` says of each row, and `warnings`.
        """
        filled, warnings = self._snapshot.fill(columns)
        for name, known in self._known.items():
            for row, value in enumerate(filled[name]):
                if value not in known:
                    text = f"{name}: the training data has no {value!r}; it counts as unknown."
                    warnings.setdefault(row, []).append(text)
        assert self._respond is not None
        responses = self._respond(self, self.outputs(filled))
        for row, response in enumerate(responses):
            response["warnings"] = warnings.get(row, [])
        return responses

    def fill(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """The columns with gaps filled from the snapshot, as `predict_columns` fills them."""
        return self._snapshot.fill(columns)[0]

    def outputs(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """What the model says of filled columns: probabilities (n, K) or values (n, 1)."""
        return self._model(self._encoder.transform(columns))

    def predictions(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """As `outputs`, but values have shape (n,), as scores take them."""
        outputs = self.outputs(columns)
        return outputs.ravel() if self.schema.target.task == "regression" else outputs

    def matrix_outputs(self, matrix: Matrix) -> NDArray[np.float64]:
        """What the model says of encoded rows, float32 of shape (n, d)."""
        return self._model(matrix)


def label_text(value: str | int | float | bool) -> str:
    """The key of a class in `probabilities`, as JSON would write the class."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _load_onnx(folder: Path, _: dict[str, Any]) -> Model:
    options = onnxruntime.SessionOptions()
    # One thread a call: several would fight over the cores that the workers already use.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", options, providers=["CPUExecutionProvider"]
    )
    names = {output.name for output in session.get_outputs()}
    output = "probabilities" if "probabilities" in names else "value"

    def run(matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray(session.run([output], {"x": matrix})[0], dtype=np.float64)

    return run


def _load_skops(folder: Path, metadata: dict[str, Any]) -> Model:
    from skops.io import load  # with scikit-learn behind it: only for models ONNX cannot hold

    estimator = load(folder / "model.skops", trusted=metadata["trusted_types"])
    answer = getattr(estimator, "predict_proba", None) or estimator.predict

    def run(matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray(answer(matrix), dtype=np.float64)

    return run
