"""One row has a place of its own in the model's memory: as exact as a matrix, and nobody else's."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from small_model import FLIGHT, save_bundle
from tabular.api import load
from toolkit.profiling.schema import record_model
from toolkit.tables import predictor
from toolkit.tables.export import write_model
from toolkit.tables.predictor import _load_onnx

RNG = np.random.default_rng(0)
CODES, NUMBERS = [0, 2], [1, 3]
MATRIX = np.stack(
    [RNG.integers(0, 5, 300), RNG.normal(size=300), RNG.integers(0, 9, 300), RNG.normal(size=300)],
    1,
).astype(np.float32)
Y = (MATRIX[:, 1] + (MATRIX[:, 0] == 2) > 0.3).astype(int)


def linear(**options: object) -> object:
    columns = [("codes", OneHotEncoder(**options), CODES), ("numbers", StandardScaler(), NUMBERS)]
    return make_pipeline(ColumnTransformer(columns), LogisticRegression()).fit(MATRIX, Y)


@pytest.mark.parametrize(
    "model",
    [linear(handle_unknown="ignore"), RandomForestClassifier(20, random_state=0).fit(MATRIX, Y)],
    ids=["linear", "forest"],
)
def test_a_row_alone_is_answered_as_among_many_whoever_else_asks(model, tmp_path: Path) -> None:
    write_model(model, MATRIX.shape[1], tmp_path)
    answers = _load_onnx(tmp_path)
    rows = MATRIX.tolist()
    with ThreadPoolExecutor(4) as threads:
        alone = list(threads.map(answers.one, rows * 5))
    assert all(each.shape == (1, 2) and each.dtype == np.float64 for each in alone)
    np.testing.assert_allclose(np.concatenate(alone), np.tile(answers(MATRIX), (5, 1)), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "quick"),
    [
        ({"handle_unknown": "ignore"}, True),
        ({"drop": "first"}, False),
        ({"min_frequency": 70}, False),
    ],
)
def test_codes_that_are_known_and_codes_that_are_not(
    options: dict[str, object], quick: bool, tmp_path: Path
) -> None:
    model = linear(**options)
    found = write_model(model, MATRIX.shape[1], tmp_path)
    if found["format"] == "skops":  # skl2onnx has no form of it, as before
        assert "Infrequent" in found["format_reason"]
        return
    assert (b"OneHotEncoder" in (tmp_path / "model.onnx").read_bytes()) != quick
    asked = MATRIX[:50].copy()
    if quick:
        asked[:10, 0], asked[5:15, 2] = 77, -1  # unknown to training: no code has them
    np.testing.assert_allclose(_load_onnx(tmp_path)(asked), model.predict_proba(asked), atol=1e-6)


@pytest.mark.parametrize("regression", [False, True])
def test_many_records_are_answered_as_each_alone(tmp_path: Path, regression: bool) -> None:
    """Gaps that the snapshot knows and does not, values unknown and beyond: in arrays from 100 on."""
    served = load(save_bundle(tmp_path, regression))
    record = record_model(served.schema)
    given = [
        {
            **FLIGHT,
            "distance": int(RNG.integers(0, 3000)),
            "carrier": str(RNG.choice(["UA", "AA", "never"])),
            "night flight?": (True, False, None)[number % 3],
            **({} if number % 3 else {"late_rate": 0.25}),
            **({} if number % 5 else {"seats": None}),
        }
        for number in range(predictor.MANY + 50)
    ]
    records = [record.model_validate(each) for each in given]
    alone = [served.predict_records([each])[0] for each in records]
    few = [
        one
        for at in range(0, len(records), 10)
        for one in served.predict_records(records[at : at + 10])
    ]
    many = served.predict_records(records)
    assert many == alone == few
    assert len({str(each["warnings"]) for each in many}) > 5
