"""Every candidate can be served: it becomes ONNX and answers as it did in training."""

import numpy as np
import onnxruntime
import pytest
from sklearn.naive_bayes import GaussianNB
from tabular.features import derive
from tabular.models import make_candidates
from toolkit.project.errors import UserError
from toolkit.tables.encoder import Encoder
from toolkit.tables.export import write_model
from toolkit.training.bundle import check_parity
from toolkit.training.comparison import named, refit
from toolkit.training.scoring import predict_scores

RNG = np.random.default_rng(0)
ROWS = 600
COLUMNS = {
    "size": RNG.normal(size=ROWS),
    "age": np.where(RNG.uniform(size=ROWS) < 0.1, np.nan, RNG.exponential(9, ROWS)),
    "kind": RNG.choice(np.array(["a", "b", "c"], dtype=object), ROWS),
}
ENCODER = Encoder({"size": "number", "age": "number", "kind": "category"}, derive)
TARGETS = {
    "binary": (COLUMNS["size"] > 0.2).astype(np.int64),
    "multiclass": np.digitize(COLUMNS["size"], [-0.5, 0.5]),
    "regression": 3 * COLUMNS["size"] + RNG.normal(size=ROWS),
}
# The first candidate is never served: training fails when nothing beats it.
NAMES = {
    task: [candidate.name for candidate in make_candidates(task, ROWS, None, [], 0)][1:]
    for task in TARGETS
}


def served(folder, matrix):
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    (output,) = session.get_outputs()
    return output.name, session.run(None, {"x": matrix})[0]


@pytest.mark.parametrize(("task", "name"), [(t, n) for t, names in NAMES.items() for n in names])
def test_a_candidate_answers_alike_in_onnx(task, name, tmp_path):
    y = TARGETS[task]
    candidates = make_candidates(task, ROWS, None, [], 0)
    encoder = ENCODER.fit(COLUMNS, y)
    matrix = encoder.transform(COLUMNS)
    model = refit(named(candidates, name), candidates, encoder, matrix, y)
    found = write_model(model, matrix.shape[1], tmp_path)
    assert found == {"format": "onnx"}
    output, answers = served(tmp_path, matrix)
    expected = predict_scores(model, matrix, len(np.unique(y)))
    if task == "regression":
        assert output == "value"
        check_parity(expected, answers.ravel(), scale=float(np.std(y)))
    else:
        assert output == "probabilities"
        check_parity(expected, answers)


@pytest.mark.parametrize(("middle", "spread"), [(1.7e9, 1.0), (0.0, 1e-9), (-3e12, 1e3)])
@pytest.mark.parametrize("name", NAMES["regression"])
def test_a_narrow_target_keeps_its_digits(name, middle, spread, tmp_path):
    y = middle + spread * TARGETS["regression"]
    candidates = make_candidates("regression", ROWS, None, [], 0)
    matrix = ENCODER.fit(COLUMNS, y).transform(COLUMNS)
    model = refit(named(candidates, name), candidates, ENCODER, matrix, y)
    assert write_model(model, matrix.shape[1], tmp_path) == {"format": "onnx"}
    answers = served(tmp_path, matrix)[1].ravel()
    check_parity(model.predict(matrix), answers, scale=float(np.std(y)))
    assert np.mean((answers - y) ** 2) < 0.4 * np.var(y)  # R2 above 0.6


@pytest.mark.parametrize(
    ("task", "name"), [("binary", "logistic regression"), ("regression", "ridge regression")]
)
def test_a_linear_model_answers_a_row_as_it_does_among_many(task, name, tmp_path):
    base = 1974 + RNG.normal(size=ROWS) * 1e-2  # shares that cancel, far from zero
    given = {f"{i}": base + RNG.normal(size=ROWS) * 1e-3 for i in range(12)}
    y = 1e5 * (given["0"] - given["1"])
    y = (y > 0).astype(int) if task == "binary" else y
    encoder = Encoder(dict.fromkeys(given, "number"), derive)
    matrix = encoder.fit(given, y).transform(given)
    candidates = make_candidates(task, ROWS, None, [], 0)
    model = refit(named(candidates, name), candidates, encoder, matrix, y)
    write_model(model, matrix.shape[1], tmp_path)
    _, together = served(tmp_path, matrix)
    alone = np.concatenate([served(tmp_path, matrix[i : i + 1])[1] for i in range(5)])
    np.testing.assert_allclose(alone, together[:5], rtol=0, atol=1e-6)
    expected = predict_scores(model, matrix, 2)
    np.testing.assert_allclose(together, expected.reshape(together.shape), rtol=1e-6, atol=1e-6)


class OwnBayes(GaussianNB):
    """An owner's model that no converter knows."""


def test_a_model_without_onnx_is_kept_by_skops_and_says_so(tmp_path):
    matrix = ENCODER.fit(COLUMNS, TARGETS["binary"]).transform(COLUMNS)
    found = write_model(OwnBayes().fit(matrix, TARGETS["binary"]), matrix.shape[1], tmp_path)
    assert found["format"] == "skops"
    assert "OwnBayes" in found["format_reason"]
    assert (tmp_path / "model.skops").exists()


def test_a_different_answer_stops_the_export():
    with pytest.raises(UserError, match=r"differs from the trained one by 2\.0e-05"):
        check_parity(np.array([0.5]), np.array([0.50002]))
    with pytest.raises(UserError, match="nan"):
        check_parity(np.array([0.5]), np.array([np.nan]))


def test_a_rule_on_a_feature_that_is_not_there_is_named():
    candidates = make_candidates("binary", ROWS, "hour", [], 0)
    encoder = ENCODER.fit(COLUMNS, TARGETS["binary"])
    with pytest.raises(UserError, match=r"`ladder\.rule` is 'hour'"):
        refit(
            named(candidates, "rule"),
            candidates,
            encoder,
            encoder.transform(COLUMNS),
            TARGETS["binary"],
        )


def test_a_candidate_to_skip_must_exist():
    with pytest.raises(UserError, match="random forrest"):
        make_candidates("binary", ROWS, None, ["random forrest"], 0)
    kept = make_candidates("binary", ROWS, None, ["LightGBM"], 0)
    assert "soft vote" not in [candidate.name for candidate in kept]
