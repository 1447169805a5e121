"""From a fitted rung to the files the service loads: ONNX, and nothing else.

`model.onnx` takes the float32 rows `x` (n, d) that the rung's view makes of pictures, and answers
`probabilities` (n, classes). A frozen network lies beside it.
"""

import logging
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from ...features import BACKBONE, Frozen
from .estimators import Seen

OPSET = {"": 17, "ai.onnx.ml": 3}


def write_model(rung: Seen, folder: Path) -> dict[str, Any]:
    """Write `model.onnx`, and for frozen features the network that computes them.

    Parameters
    ----------
    rung : Seen
        Fitted.
    folder : Path
        The bundle being made.

    Returns
    -------
    dict
        `format` and `view`.
    """
    if isinstance(rung.view, Frozen):
        shutil.copyfile(rung.view.file, folder / BACKBONE)
    width = rung.rows.shape[1]
    if hasattr(rung, "make"):
        _export_network(rung, width, folder / "model.onnx")
    else:
        with quietly():
            graph = to_onnx(
                rung.model,
                initial_types=[("x", FloatTensorType([None, width]))],
                options={id(rung.model): {"zipmap": False}},
                target_opset=OPSET,
            )
        (folder / "model.onnx").write_bytes(graph.SerializeToString())
    return {"format": "onnx", "view": rung.view.spec}


def _export_network(rung: Any, width: int, file: Path) -> None:
    import torch

    from ...networks import served

    with quietly(), torch.no_grad():
        torch.onnx.export(
            served(rung),
            (torch.zeros(1, width),),
            str(file),
            input_names=["x"],
            output_names=["probabilities"],
            dynamic_axes={"x": {0: "n"}, "probabilities": {0: "n"}},
            opset_version=OPSET[""],
            dynamo=False,
        )


@contextmanager
def quietly() -> Iterator[None]:
    """Without the exporters' advice on their own future."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
