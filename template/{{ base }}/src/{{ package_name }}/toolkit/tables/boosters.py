"""XGBoost and CatBoost on the ladder, where `uv sync --extra boosters` has installed them."""

import importlib.util
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import onnx
from skl2onnx import update_registered_converter
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

from ..training.comparison import Candidate


def make_boosters(classes: bool, seed: int) -> list[Candidate]:
    """The boosters that are installed; importing them elsewhere is not needed."""
    candidates = []
    if importlib.util.find_spec("xgboost"):
        import xgboost

        _register_xgboost(xgboost)
        kind = xgboost.XGBClassifier if classes else xgboost.XGBRegressor
        build = partial(kind, n_estimators=100, learning_rate=0.1, random_state=seed)
        reason = "Another booster: shrinks and prunes otherwise."
        candidates.append(Candidate("XGBoost", reason, lambda _: build()))
    if importlib.util.find_spec("catboost"):
        import catboost

        cat = catboost.CatBoostClassifier if classes else catboost.CatBoostRegressor
        make = partial(
            cat, iterations=200, verbose=False, random_seed=seed, allow_writing_files=False
        )
        candidates.append(Candidate("CatBoost", "Boosting with symmetric trees.", lambda _: make()))
    return candidates


def _register_xgboost(xgboost: Any) -> None:
    from onnxmltools.convert.xgboost.operator_converters.XGBoost import convert_xgboost

    update_registered_converter(
        xgboost.XGBClassifier,
        "XGBoostXGBClassifier",
        calculate_linear_classifier_output_shapes,
        convert_xgboost,
        options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
        overwrite=True,
    )
    update_registered_converter(
        xgboost.XGBRegressor,
        "XGBoostXGBRegressor",
        calculate_linear_regressor_output_shapes,
        convert_xgboost,
        overwrite=True,
    )


def is_catboost(model: Any) -> bool:
    """Whether the model writes its own ONNX."""
    return type(model).__module__.startswith("catboost.")


def catboost_graph(model: Any) -> onnx.ModelProto:
    """The graph CatBoost writes, with the input called `x` and probabilities as a tensor."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        model.save_model(str(path), format="onnx")
        content = onnx.load(path)
    graph = content.graph
    if graph.node[-1].op_type == "ZipMap":  # turns the tensor into a list of dicts
        tensor = graph.node.pop().input[0]
        graph.output[-1].CopyFrom(
            onnx.helper.make_tensor_value_info(tensor, onnx.TensorProto.FLOAT, None)
        )
    for node in graph.node:
        node.input[:] = ["x" if name == graph.input[0].name else name for name in node.input]
    graph.input[0].name = "x"
    return content
