"""A small model, built here: a flight is late when `distance` is large."""

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from tabular.api import API
from tabular.features import derive
from tabular.settings import PROJECT
from toolkit.profiling.schema import Schema, columns_from_records
from toolkit.project.files import write_bytes, write_json
from toolkit.serving.app import create_app
from toolkit.serving.limits import Limits
from toolkit.tables.encoder import Encoder

FLIGHT = {"distance": 900, "carrier": "UA", "at": "2013-06-01T09:00:00", "night flight?": None}
KINDS = {
    "distance": "number",
    "carrier": "category",
    "at": "date",
    "night flight?": "boolean",
    "late_rate": "number",
    "seats": "number",
}
ROWS = [
    {
        **FLIGHT,
        "distance": 100 * i,
        "carrier": "UA" if i % 2 else "AA",
        "late_rate": 0.1 * (i % 3),
        "seats": 90,
    }
    for i in range(20)
]


def schema_for(target: dict[str, Any]) -> Schema:
    columns = [
        {
            "name": "distance",
            "kind": "number",
            "min": 0,
            "max": 5000,
            "seen": [0, 1900],
            "example": 900,
        },
        {"name": "carrier", "kind": "category", "categories": ["AA", "UA"], "example": "UA"},
        {
            "name": "at",
            "kind": "date",
            "min": "2000-01-01T00:00:00",
            "max": "2100-01-01T00:00:00",
            "example": "2013-06-01T09:00:00",
        },
        {"name": "night flight?", "kind": "boolean", "nullable": True, "example": None},
        {"name": "late_rate", "kind": "number", "lookup": True, "example": 0.2},
        {"name": "seats", "kind": "number", "lookup": True, "example": 150},
    ]
    ignored = [{"name": "tail_number", "reason": "an identifier"}]
    return Schema.from_json({"target": target, "columns": columns, "ignored": ignored})


def save_bundle(folder: Path, regression: bool = False) -> Path:
    """Write a bundle whose score is distance / 1000 - 1 + late_rate."""
    target: dict[str, Any] = {"name": "late", "task": "binary", "classes": [False, True]}
    if regression:
        target = {"name": "delay", "task": "regression", "min": -1, "max": 2}
    schema = schema_for(target)
    encoder = Encoder(KINDS, derive).fit(columns_from_records(schema, ROWS), np.arange(20) % 2)
    weights = np.zeros((len(encoder.names_), 1), dtype=np.float32)
    weights[encoder.names_.index("distance")] = 1e-3
    weights[encoder.names_.index("late_rate")] = 1
    save_model(folder / "model.onnx", weights, "value" if regression else "probabilities")
    write_json(folder / "encoder.json", encoder.state())
    table = {"key": ["carrier"], "columns": ["late_rate", "seats"], "rows": [[["UA"], [0.5, 150]]]}
    write_json(folder / "lookups.json", {"as_of": "2013-06-01", "tables": [table]})
    metadata = {
        "project": "Flights",
        "model_version": "v1",
        "format": "onnx",
        "task": target["task"],
        "schema": schema.to_json(),
        "classes": target.get("classes"),
        "positive": None if regression else True,
        "threshold": None if regression else 0.3,
        "interval": {"at": [0, 2], "low": [-0.5, -1], "high": [0.5, 1]} if regression else None,
        "review": {
            "on": True,
            "cutoff": 1.5 if regression else 0.6,
            "costs": None if regression else {"false_positive": 1, "false_negative": 2},
        },
    }
    write_json(folder / "metadata.json", metadata)
    return folder


def save_model(path: Path, weights: np.ndarray, output: str) -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["sum"])]
    nodes.append(helper.make_node("Add", ["sum", "b"], ["value"]))
    if output == "probabilities":
        nodes.append(helper.make_node("Sigmoid", ["value"], ["p"]))
        nodes.append(helper.make_node("Sub", ["one", "p"], ["q"]))
        nodes.append(helper.make_node("Concat", ["q", "p"], [output], axis=1))
    constants = {"w": weights, "b": np.float32([-1]), "one": np.float32([1])}
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, len(weights)])],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [None, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    write_bytes(path, model.SerializeToString())


def application(folder: Path, limits: Limits) -> FastAPI:
    """The tabular role's service with the bundle in `folder`."""
    return create_app(PROJECT, API, folder, limits)
