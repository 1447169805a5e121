"""Any table, however odd its names and values: the service answers what `predict` writes."""

import csv
import json
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_model import application, save_model
from tabular.api import predict_file
from tabular.features import derive
from tabular.settings import PROJECT, Params
from toolkit.profiling import columns as profiling
from toolkit.profiling import contract
from toolkit.profiling.schema import Schema
from toolkit.project.errors import UserError
from toolkit.project.files import write_json
from toolkit.reading import parsing, tables
from toolkit.reading.settings import Data
from toolkit.serving.limits import Limits
from toolkit.tables.encoder import Encoder
from toolkit.training.bundle import BUNDLE

ROWS = 60
LETTERS = st.characters(exclude_categories=["Cc", "Cs"])  # control characters: a binary file
TEXTS = st.text(LETTERS, max_size=12)
ODD = ["class", "model_config", "__init__", "c0", "i0", "copy", "missing_fields", " a", "b ",
       'quo"te', "it's", "com,ma", "semi;colon", "line\nbreak", "ñ", "日本", "🚀", "{{ x }}",
       "<b>", "$ref", "a.b", "records", "body", "row", "error", "prediction", "2020", "%s"]  # fmt: skip
NAMES = st.one_of(st.sampled_from(ODD), st.text(LETTERS, min_size=1, max_size=12))
DAYS = st.dates().map(str)
CELLS = {
    "number": st.one_of(st.floats().map(repr), st.integers(-(2**70), 2**70).map(str)),
    "small number": st.floats(-100, 100).map(lambda x: f"{x:.2f}"),
    "money": st.integers(0, 10**9).map(lambda n: f"${n:,}"),
    "boolean": st.sampled_from(["yes", "no", "YES", "No"]),
    "flag": st.sampled_from(["0", "1"]),
    "date": DAYS,
    "moment": st.datetimes().map(lambda t: t.isoformat(" ")),
    "German date": st.dates().map(lambda d: f"{d.day:02}.{d.month:02}.{d.year:04}"),
    "category": st.sampled_from(["a", "B", "ü", "1", "1.0", "007", "  x ", "NaN", "null", "<i>"]),
    "any": TEXTS,
    "text": st.lists(st.sampled_from(["good", "bad", "slow", "fast", "film", "plot"]), min_size=5,
                     max_size=9).map(" ".join),
    "constant": st.just("same"),
    "missing": st.just(""),
}  # fmt: skip
ANYTHING = st.one_of(*CELLS.values())
LABELS = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=2, max_size=4, unique=True)


@st.composite
def stories(draw):
    """Header, rows to learn from, rows to ask about; the target is the last column."""
    kinds = draw(st.dictionaries(NAMES, st.sampled_from(sorted(CELLS)), min_size=1, max_size=5))
    target = draw(NAMES.filter(lambda name: name not in kinds))
    labels = draw(st.one_of(LABELS, st.just([str(i / 7) for i in range(ROWS)])))
    pools = [draw(st.lists(CELLS[k], min_size=1, max_size=30)) for k in kinds.values()]
    shuffle = draw(st.randoms(use_true_random=False))
    rows = [
        [*(shuffle.choice(pool) for pool in pools), labels[i % len(labels)]] for i in range(ROWS)
    ]
    gaps = draw(
        st.lists(st.tuples(st.integers(0, ROWS - 1), st.integers(0, len(pools) - 1)), max_size=9)
    )
    for row, column in gaps:
        rows[row][column] = ""
    asked = [list(row) for row in rows[:6]]
    for row in asked[2:]:
        row[draw(st.integers(0, len(pools) - 1))] = draw(ANYTHING)
    return [*kinds, target], rows, asked


def write(path: Path, header: list[str], rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, quoting=csv.QUOTE_ALL).writerows([header, *rows])
    return path


def as_json(schema: Schema, header: list[str], row: list[str]) -> dict[str, Any]:
    """A row of a file as a caller posts it: its numbers as JSON's, its dates as ISO 8601."""
    record: dict[str, Any] = dict(zip(header, row, strict=True))
    for column in schema.columns:
        if column.kind not in ("number", "date"):
            continue
        read, text = (
            parsing.converter(column.kind, schema.written(column), iso=False),
            record[column.name],
        )
        try:
            value = read(text)
            record[column.name] = value if value == value else None
        except ValueError:
            record[column.name] += " cannot be read"
        found = parsing.number_and_mark(text.strip(), schema.written(column).decimal)
        if found and parsing.unit(found[1]) not in ("", parsing.unit(schema.written(column).mark)):
            record[column.name] = text  # in another unit, so no number of this column
        if isinstance(record[column.name], datetime):
            record[column.name] = record[column.name].isoformat()
    return record


def bundle_for(path: Path, target: str, root: Path) -> Schema:
    """The data stage's schema, an encoder and a small linear model, as `train` leaves them."""
    settings = Data(source="file", path=str(path), target=target)
    found = profiling.run(tables.load(settings, root, None), settings)
    schema = contract.infer(found.frame, found, settings)
    columns = contract.columns_from_frame(schema, found.frame)
    encoder = Encoder({column.name: column.kind for column in schema.columns}, derive)
    matrix = encoder.fit(columns, found.y).transform(columns)
    assert np.isfinite(matrix).all()
    folder = root / BUNDLE
    folder.mkdir(parents=True, exist_ok=True)
    classes = schema.target.classes
    weights = (
        np.linspace(-1, 1, matrix.shape[1])[:, None] / (1 + np.abs(matrix).max(axis=0))[:, None]
    )
    if classes and len(classes) > 2:
        schema.target.classes = classes[:2]  # the model at hand tells two classes apart
    save_model(
        folder / "model.onnx", weights.astype("float32"), "probabilities" if classes else "value"
    )
    write_json(folder / "encoder.json", json.loads(json.dumps(encoder.state())))
    write_json(folder / "lookups.json", {"as_of": None, "tables": []})
    metadata = {
        "project": "Odd", "model_version": "v1", "format": "onnx", "task": schema.target.task,
        "schema": schema.to_json(), "classes": schema.target.classes, "threshold": None,
        "positive": None, "interval": [-1.0, 1.0] if not classes else None,
    }  # fmt: skip
    write_json(folder / "metadata.json", metadata)
    return schema


@given(stories())
@settings(
    max_examples=settings().max_examples // 4,
    suppress_health_check=list(HealthCheck),
)
def test_api_and_batch_agree_on_any_table(tmp_path_factory, story):
    header, rows, asked = story
    root = tmp_path_factory.mktemp("odd")
    try:
        path = write(root / "train.csv", header, rows)
        named = list(tables.read_file(path).frame.columns)
        schema = bundle_for(path, named[-1], root)
        result = predict_file(
            replace(PROJECT, root=root),
            Params(data=Data(target="t")),
            write(root / "asked.csv", header, asked),
            root / "out.csv",
        )
    except UserError:  # refused in words, and never by a traceback
        return
    with (root / "out.csv").open(newline="", encoding="utf-8") as file:
        offline = list(csv.DictReader(file))
    assert result["rows"] == len(offline) == len(asked)
    with TestClient(application(root / BUNDLE, Limits()), raise_server_exceptions=False) as client:
        documented = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
        example = documented["content"]["application/json"]["examples"]["example"]["value"]
        assert client.post("/predict", json=example).status_code == 200, example
        for row, expected in zip(asked, offline, strict=True):
            response = client.post("/predict", json=as_json(schema, named, row))
            assert response.status_code == (422 if expected["error"] else 200), (
                row,
                expected,
                response.text,
            )
            answer = response.json()
            if response.status_code == 422:
                assert all(problem["loc"][1] in named for problem in answer["detail"])
            elif "value" in answer:
                assert answer["value"] == pytest.approx(float(expected["prediction"]), abs=1e-6)
            else:
                for label, probability in answer["probabilities"].items():
                    assert probability == pytest.approx(
                        float(expected[f"probability_{label}"]), abs=1e-6
                    )
