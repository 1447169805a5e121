"""The exported model: the same answer for a record alone, in a batch or in a file."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from zipfile import BadZipFile

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as onnx_errors
from pydantic import BaseModel, ValidationError

from ..profiling.schema import Schema, typed_columns
from ..project.errors import UserError
from ..project.files import read_json, restore_folder
from ..project.telemetry import traced
from ..training.bundle import verified_metadata
from . import skops_types
from .encoder import Derive, Encoder
from .explanation import MOST_COLUMNS, explain
from .record_encoder import beyond, compiled, table_of_steps, unknown
from .snapshot import Snapshot
from .tracing import Untraceable

Matrix = NDArray[np.float32]
Model = Callable[[Matrix], NDArray[np.float64]]
Respond = Callable[["Predictor", NDArray[np.float64]], list[dict[str, Any]]]

# From so many records on, arrays are faster than the function of one record: 1,000 flights take 14 ms
# instead of 24, 100 take 1.2 instead of 1.6, but 50 take as long.
MANY = 100

logger = logging.getLogger(__name__)
_UNUSABLE = (
    onnx_errors.Fail,
    onnx_errors.InvalidArgument,
    onnx_errors.InvalidGraph,
    onnx_errors.InvalidProtobuf,
    onnx_errors.NoSuchFile,
    onnx_errors.NotImplemented,
    onnx_errors.RuntimeException,
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
    references : dict of str to list, optional
        Quantiles of each column, against which a prediction is explained.
    """

    def __init__(
        self,
        metadata: dict[str, Any],
        encoder: Encoder,
        model: Model,
        snapshot: Snapshot,
        respond: Respond | None = None,
        references: dict[str, list[Any]] | None = None,
    ) -> None:
        self.metadata = metadata
        self.version = str(metadata["model_version"])
        self.schema = Schema.from_json(metadata["schema"])
        self._encoder = encoder
        self._model = traced("model", model)
        one = getattr(model, "one", None) or (lambda numbers: model(_matrix([numbers])))
        self._one = traced("model", one)
        self._snapshot = snapshot
        self._respond = respond or _nothing
        self.references = references
        self._seen = {
            column.name: tuple(np.array(column.seen, "M8[us]" if column.kind == "date" else float))
            for column in self.schema.columns
            if column.seen and column.name != self.schema.time  # which always moves on
        }
        self._known = {
            part["name"]: frozenset({*part["categories"], *part["rare"], None})
            for part in encoder.parts_
            if part["kind"] == "category" and part["name"] in encoder.kinds
        }
        self.steps = self._table_of_steps()
        encode = compiled(self.steps, snapshot) if self.steps else None
        self._encode = traced("encode", encode) if encode else None

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
        metadata = verified_metadata(folder)
        state, lookups = (
            read_json(folder / f"{name}.json", "train") for name in ("encoder", "lookups")
        )
        references = folder / "references.json"
        try:
            schema = Schema.from_json(metadata["schema"])
            model = _load_skops if metadata["format"] == "skops" else _load_onnx
            return cls(
                metadata,
                Encoder.from_state(state, derive),
                model(folder),
                Snapshot(lookups, {column.name: column.kind for column in schema.columns}),
                respond,
                # Of a release before 2.0 there are none.
                read_json(references, "train") if references.is_file() else None,
            )
        except (KeyError, TypeError, ValidationError, BadZipFile, *_UNUSABLE) as error:
            raise UserError(
                f"The model in {folder} cannot be used ({type(error).__name__}: {error}). "
                "Run `train` again."
            ) from error

    def _table_of_steps(self) -> dict[str, Any] | None:
        """What one record goes through, unless the owner's features are no table of steps."""
        encoder, columns = self._encoder, self.schema.columns
        try:
            return table_of_steps(
                {column.name: column.kind for column in columns},
                encoder.parts_,
                encoder.derive,
                {name: sorted(filter(None, values)) for name, values in self._known.items()},
                {column.name: column.seen for column in columns if column.name in self._seen},
            )
        except Untraceable as reason:
            logger.info("features.py: %s; one record takes as long as a small batch.", reason)
            return None

    def predict_records(self, records: Sequence[BaseModel]) -> list[dict[str, Any]]:
        """Answer records as `record_model` validated them.

        Returns
        -------
        list of dict
            As `predict_columns`.
        """
        values = [record.__dict__ for record in records]
        if self._encode is None or len(values) >= MANY:
            fields = {column.name: f"c{i}" for i, column in enumerate(self.schema.columns)}
            listed = {name: [row[field] for row in values] for name, field in fields.items()}
            return self.predict_columns(typed_columns(self.schema, listed))
        encoded = [self._encode(row) for row in values]
        rows = [numbers for numbers, _ in encoded]
        outputs = self._one(rows[0]) if len(rows) == 1 else self._model(_matrix(rows))
        responses = self._respond(self, outputs)
        for response, (_, warnings) in zip(responses, encoded, strict=True):
            response["warnings"] = warnings
        return responses

    def predict_columns(self, columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
        """Answer typed columns of the schema, each of shape (n,).

        Returns
        -------
        list of dict
            What `respond` says of each row, and `warnings`.
        """
        filled, warnings = self._snapshot.fill(columns)
        for name, known in self._known.items():
            values = filled[name].tolist()
            if not known.issuperset(values):
                for row, value in enumerate(values):
                    if value not in known:
                        warnings.setdefault(row, []).append(unknown(name, value))
        for name, (low, high) in self._seen.items():
            values = filled[name]
            for row in np.flatnonzero((values < low) | (values > high)).tolist():
                sentence = beyond(name, low.item(), high.item(), values[row].item())
                warnings.setdefault(row, []).append(sentence)
        responses = self._respond(self, self.outputs(filled))
        for row, response in enumerate(responses):
            response["warnings"] = warnings.get(row, [])
        return responses

    @property
    def explainable(self) -> bool:
        """Whether `explain` answers, and soon enough."""
        return self.references is not None and len(self.schema.columns) <= MOST_COLUMNS

    def explain(self, columns: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        """Why one record is predicted as it is; see `explanation`.

        Parameters
        ----------
        columns : mapping of str to ndarray of shape (1,)
            Typed, as for `predict_columns`.

        Returns
        -------
        dict
            `explained` (the class whose probability it is: of two the positive one, else the predicted
            one; or the target), `base`, `value` and `contributions`, which add up to the difference.
        """
        filled, target = self.fill(columns), self.schema.target
        position, explained = 0, target.name
        if target.classes:
            two = self.metadata["threshold"] is not None
            position = 1 if two else int(np.argmax(self.outputs(filled)[0]))
            explained = label_text(target.classes[position])
        kinds = {column.name: column.kind for column in self.schema.columns}
        base, value, contributions = explain(
            filled, kinds, self.references or {}, lambda rows: self.outputs(rows)[:, position]
        )
        return {
            "explained": explained,
            "base": base,
            "value": value,
            "contributions": contributions,
        }

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


def _nothing(predictor: Predictor, outputs: NDArray[np.float64]) -> list[dict[str, Any]]:
    return [{} for _ in outputs]


def label_text(value: str | int | float | bool) -> str:
    """The key of a class in `probabilities`, as JSON would write the class."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _matrix(rows: list[list[float]]) -> Matrix:
    return np.array(rows, dtype=np.float32)


class _Onnx:
    """A model's graph, asked for a matrix or for one row."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        # One thread a call: several would fight over the cores that the workers already use.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        names = {output.name for output in session.get_outputs()}
        self._session = session
        self._output = "probabilities" if "probabilities" in names else "value"
        # One row has its place, and so has what is said of it: 23 microseconds instead of 56 with
        # arrays made, handed over and taken back for each call (a linear model of 37 numbers).
        self._row = np.zeros((1, session.get_inputs()[0].shape[1]), dtype=np.float32)
        self._said: NDArray[Any] = session.run([self._output], {"x": self._row})[0]
        self._bound, self._lock = session.io_binding(), threading.Lock()
        for bind, name, array in (
            (self._bound.bind_input, "x", self._row),
            (self._bound.bind_output, self._output, self._said),
        ):
            bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)

    def __call__(self, matrix: Matrix) -> NDArray[np.float64]:
        """What the model says of rows, of shape (n, K)."""
        answer = self._session.run([self._output], {"x": matrix})[0]
        return np.asarray(answer, dtype=np.float64)

    def one(self, numbers: list[float]) -> NDArray[np.float64]:
        """What it says of one row's d numbers, of shape (1, K)."""
        with self._lock:
            self._row[0] = numbers
            self._session.run_with_iobinding(self._bound)
            return self._said.astype(np.float64)


def _load_onnx(folder: Path) -> Model:
    return _Onnx(folder / "model.onnx")


def _load_skops(folder: Path) -> Model:
    estimator = skops_types.load(folder / "model.skops")  # what ONNX cannot hold
    answer = getattr(estimator, "predict_proba", None) or estimator.predict

    def run(matrix: Matrix) -> NDArray[np.float64]:
        return np.asarray(answer(matrix), dtype=np.float64)

    return run
