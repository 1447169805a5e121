"""From fitted models to ONNX graphs, which the service runs without the libraries of training.

The graph of a model takes the float32 rows `x` (n, d) that an extractor makes of images, and answers
`probabilities` (n, classes).
"""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

OPSET = {"": 17, "ai.onnx.ml": 3}


def export_estimator(model: Any, width: int, file: Path) -> None:
    """Write a scikit-learn classifier of rows of `width` features."""
    with _quietly():
        graph = to_onnx(
            model,
            initial_types=[("x", FloatTensorType([None, width]))],
            options={id(model): {"zipmap": False}},
            target_opset=OPSET,
        )
    file.write_bytes(graph.SerializeToString())


def export_module(module: Any, shape: tuple[int, ...], file: Path, taken: str, given: str) -> None:
    """Write a PyTorch module.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    shape : tuple of int
        Of one input; the graph takes any number of them.
    file : Path
    taken, given : str
        What the graph calls its input and its output.
    """
    import torch

    with _quietly(), torch.no_grad():
        torch.onnx.export(
            module,
            (torch.zeros(1, *shape),),
            str(file),
            input_names=[taken],
            output_names=[given],
            dynamic_axes={taken: {0: "n"}, given: {0: "n"}},
            opset_version=OPSET[""],
            dynamo=False,
        )


@contextmanager
def _quietly() -> Iterator[None]:
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
