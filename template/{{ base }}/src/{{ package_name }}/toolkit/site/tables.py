"""The try-it page of a model of tables: what the browser needs of it, and whether it answers alike."""

from pathlib import Path
from typing import Any

import numpy as np

from ..profiling.datasheet import meanings
from ..project.files import read_json
from ..project.settings import Project
from ..serving.api import Api
from ..tables.dataset import columns_of, read_rows
from ..tables.predictor import Predictor, label_text
from ..training.bundle import served
from .page import Files, as_json, ask_in_node, hold, page_files

ROWS, EXPLAINED = 1000, 3
BOUND = 1e-6


def unfit(predictor: Predictor) -> str:
    """Why a model cannot answer in a page; empty if it can."""
    if predictor.metadata["format"] != "onnx":
        return f"the model has no ONNX form ({predictor.metadata['format_reason']})"
    if predictor.steps is None:
        return "features.py does what is no table of steps; `serve` says what"
    return ""


def try_it(project: Project, api: Api) -> Files | str:
    """The files of the page by name, each with what it holds; or why there is none.

    Raises
    ------
    UserError
        If there is no model, or no runtime.
    """
    folder = served(project)
    predictor: Any = api.load(folder)
    if reason := unfit(predictor):
        return reason
    schema, lookups = predictor.schema, read_json(folder / "lookups.json", "train")
    labels = [label_text(value) for value in schema.target.classes or ()] or None
    told = {"target": schema.target.name, "labels": labels}
    shown = {"meanings": meanings(project.root, predictor.steps["columns"])}
    content = {
        "steps": predictor.steps, "lookups": lookups, "references": predictor.references
    }  # fmt: skip
    keys = sum(len(table["rows"]) for table in lookups["tables"])
    model = {"model.onnx": "the model"}
    files = page_files(project, api, predictor, "tables", model, told, shown)
    form, _ = files["form.json"]
    return files | {
        "form.json": (form, "columns, their ranges and categories, made-up examples"),
        "steps.json": (
            as_json(content),
            f"the encoder; the latest looked-up values of {keys:,} keys; "
            "quantiles of each column on its own",
        ),
    }


def compare(project: Project, api: Api, page: Path) -> dict[str, Any]:
    """Hold the page in `page` to the offline answers for up to 1,000 test rows, in node; see `hold`."""
    predictor: Any = api.load(served(project))
    rows = read_rows(project.root, "test", predictor.schema)[:ROWS]
    columns = columns_of(rows)
    records = _records(predictor, columns)
    told = ask_in_node(page, records, EXPLAINED * predictor.explainable)
    expected, scale = predictor.predict_columns(columns), 1.0
    if "value" in expected[0]:
        scale = float(np.std([each["value"] for each in expected])) or 1.0
    explained = [
        predictor.explain({name: values[row : row + 1] for name, values in columns.items()})
        for row in range(len(told["explanations"]))
    ]
    return hold(told, expected, explained, BOUND, scale)


def _records(predictor: Predictor, columns: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {column.name: column.kind for column in predictor.schema.columns}
    listed = {
        name: [_plain(kinds[name], each) for each in columns[name].tolist()] for name in kinds
    }
    return [dict(zip(listed, row, strict=True)) for row in zip(*listed.values(), strict=True)]


def _plain(kind: str, value: Any) -> Any:
    if value is None or value != value:
        return None
    return value.isoformat() if kind == "date" else bool(value) if kind == "boolean" else value
