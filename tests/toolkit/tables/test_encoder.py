"""What training learns of a column is what the service applies."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from tabular.features import derive
from toolkit.project.errors import UserError
from toolkit.tables.encoder import Encoder

KINDS = {"n": "number", "b": "boolean", "c": "category", "d": "date", "t": "text"}


def columns(n=60):
    rng = np.random.default_rng(0)
    days = np.datetime64("2024-01-01T06:30", "us") + np.arange(n) * np.timedelta64(13, "h")
    return {
        "n": np.where(np.arange(n) % 7 == 0, np.nan, rng.normal(10, 3, n)),
        "b": rng.integers(0, 2, n).astype(float),
        "c": np.array([[None, "a", "b", "ü{}"][i % 4] for i in range(n)], dtype=object),
        "d": days,
        "t": np.array([["good film", "bad film", None][i % 3] for i in range(n)], dtype=object),
    }


def target(n=60):
    return (np.arange(n) % 3 == 0).astype(int)


def column_of(encoder, given, name):
    return encoder.transform(given)[:, encoder.names_.index(name)]


def test_state_survives_json_and_answers_alike():
    encoder = Encoder(KINDS, derive).fit(columns(), target())
    again = Encoder.from_state(json.loads(json.dumps(encoder.state())), derive)
    np.testing.assert_array_equal(again.transform(columns()), encoder.transform(columns()))
    assert again.names_ == encoder.names_


def test_a_state_of_another_version_is_refused():
    state = Encoder(KINDS, derive).fit(columns(), target()).state()
    with pytest.raises(UserError, match="Run `train` again"):
        Encoder.from_state({**state, "format": 0}, derive)


def test_a_column_may_be_called_as_a_derived_feature_is():
    given = {**columns(), "missing_fields": columns()["c"]}
    encoder = Encoder({**KINDS, "missing_fields": "category"}, derive).fit(given, target())
    assert {"missing_fields", "missing_fields_"} <= set(encoder.names_)
    again = Encoder.from_state(json.loads(json.dumps(encoder.state())), derive)
    np.testing.assert_array_equal(again.transform(given), encoder.transform(given))


def test_one_row_is_encoded_as_it_is_among_many():
    encoder = Encoder(KINDS, derive).fit(columns(), target())
    whole = encoder.transform(columns())
    for row in (0, 3, 8):
        single = {name: values[row : row + 1] for name, values in columns().items()}
        np.testing.assert_array_equal(encoder.transform(single)[0], whole[row])


def test_nothing_is_missing_or_infinite_whatever_comes():
    encoder = Encoder(KINDS, derive).fit(columns(), target())
    strange = {
        "n": np.array([np.nan, 1e300, -np.inf]),
        "b": np.array([np.nan, 0.0, 1.0]),
        "c": np.array([None, "never seen", ""], dtype=object),
        "d": np.array(["NaT", "0001-01-01", "9999-12-31"], dtype="datetime64[us]"),
        "t": np.array([None, "", "☃ unknown words"], dtype=object),
    }
    assert np.isfinite(encoder.transform(strange)).all()


def test_the_median_is_learnt_from_the_rows_fitted_on():
    encoder = Encoder({"n": "number"}, derive).fit({"n": np.array([1.0, 2.0, np.nan])}, np.zeros(3))
    given = {"n": np.array([np.nan, 100.0])}
    np.testing.assert_array_equal(column_of(encoder, given, "n"), [1.5, 100])
    np.testing.assert_array_equal(column_of(encoder, given, "n.missing"), [1, 0])


def test_unseen_and_missing_categories_differ():
    encoder = Encoder({"c": "category"}, derive).fit({"c": columns()["c"]}, target())
    given = {"c": np.array(["a", "b", None, "new"], dtype=object)}
    assert len(set(column_of(encoder, given, "c"))) == 4


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2024-02-29T13:45", {"hour": 13, "weekday": 3, "month": 2, "day_of_year": 60}),
        ("1969-12-31T23:59", {"hour": 23, "weekday": 2, "month": 12, "day_of_year": 365}),
    ],
)
def test_date_parts(moment, expected):
    days = np.datetime64("2020-01-01T00:30", "us") + np.arange(900) * np.timedelta64(25, "h")
    encoder = Encoder({"d": "date"}, derive).fit({"d": days}, np.zeros(900))
    given = {"d": np.array([moment], dtype="datetime64[us]")}
    for part, value in expected.items():
        assert column_of(encoder, given, f"d.{part}")[0] == value


def test_a_season_seen_once_is_not_a_feature():
    days = np.datetime64("2024-01-01", "us") + np.arange(300) * np.timedelta64(1, "D")
    once = Encoder({"d": "date"}, derive, time="d").fit({"d": days}, np.zeros(300))
    assert "d.month" not in once.names_
    assert "d.weekday" in once.names_


def test_words_that_tell_most_are_kept():
    y = target()
    texts = np.array([f"{'alarm' if late else 'calm'} word{i}" for i, late in enumerate(y)], object)
    encoder = Encoder({"t": "text"}, derive).fit({"t": texts}, y)
    assert {"t:alarm", "t:calm"} <= set(encoder.names_)


def test_it_can_be_cloned():
    assert clone(Encoder(KINDS, derive, time="d", trend=True)).get_params()["time"] == "d"


@pytest.mark.parametrize(
    ("center", "spread"),
    [(1.7e9, 60.0), (52.52, 1e-5), (0.0, 1e-8), (-3e12, 5.0), (1e17, 1e16)],
)
def test_numbers_that_float32_would_lose_are_centred_and_scaled_in_float64(center, spread):
    numbers = center + spread * np.random.default_rng(1).normal(size=500)
    given = {"n": np.where(np.arange(500) == 7, np.nan, numbers)}
    encoder = Encoder({"n": "number"}, lambda _: {}).fit(given, target(500))
    again = Encoder.from_state(json.loads(json.dumps(encoder.state())), lambda _: {})
    encoded = again.transform(given)[:, 0].astype(float)
    assert 0.2 < np.ptp(encoded) < 10
    known = np.arange(500) != 7
    assert np.corrcoef(encoded[known], (numbers - center)[known])[0, 1] > 1 - 1e-9


@pytest.mark.parametrize(
    "numbers", [[0.0, 1, 2, 500], [2013.0, 1990, 2024], [5.0, 5, 5], [1e6, 9e6]]
)
def test_other_numbers_stay_as_they_are(numbers):
    given = {"n": np.array(numbers)}
    encoder = Encoder({"n": "number"}, lambda _: {}).fit(given, target(len(numbers)))
    assert encoder.transform(given)[:, 0].tolist() == numbers
