"""Numbers to be predicted keep their digits: models learn them about 0, in units of their spread.

Boosters hold a target in float32, ONNX answers in it, and a tree takes a variance below 2e-16 for
none: 1,700,000,000 plus or minus a minute would be one number, and so would 1e-9 and 2e-9.
"""

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import onnx
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.preprocessing import StandardScaler

from ..training.comparison import Candidate


def on_standard_target(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The same candidates, each fitted on the target's distance from its mean in standard deviations.

    What they predict is put back in float64. A vote averages values that its members have put back.
    """

    def wrapped(candidate: Candidate) -> Candidate:
        def build(*given: Any, **settings: Any) -> TransformedTargetRegressor:
            model = candidate.build(*given, **settings)
            return TransformedTargetRegressor(model, transformer=StandardScaler())

        return candidate if candidate.members else replace(candidate, build=build)

    return [wrapped(candidate) for candidate in candidates]


def without_target(model: Any) -> tuple[Any, StandardScaler | None]:
    """What a fitted model is made of: what predicts the standard target, and what puts it back."""
    if isinstance(model, TransformedTargetRegressor):
        return model.regressor_, model.transformer_
    if isinstance(model, VotingRegressor):
        members, scalers = zip(*map(without_target, model.estimators_), strict=True)
        if None not in scalers:
            vote = copy.copy(model)  # they were fitted on the same rows, and so put back alike
            vote.estimators_ = list(members)
            return vote, scalers[0]
    return model, None


def put_back(graph: onnx.GraphProto, scaler: StandardScaler) -> None:
    """Let the graph's one output be float64, times the standard deviation plus the mean."""
    output = graph.output[0]
    name, double = output.name, onnx.TensorProto.DOUBLE
    for node in graph.node:
        node.output[:] = ["standard" if each == name else each for each in node.output]
        node.input[:] = ["standard" if each == name else each for each in node.input]
    for constant, value in (("spread", scaler.scale_), ("middle", scaler.mean_)):
        graph.initializer.append(onnx.helper.make_tensor(constant, double, [1], value))
    graph.node.extend(
        [
            onnx.helper.make_node("Cast", ["standard"], ["in_double"], to=double),
            onnx.helper.make_node("Mul", ["in_double", "spread"], ["spread_out"]),
            onnx.helper.make_node("Add", ["spread_out", "middle"], [name]),
        ]
    )
    output.type.tensor_type.elem_type = double
