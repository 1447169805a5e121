"""params.yaml: every mistake is named with its key, its value and what would be right."""

from dataclasses import replace

import pytest
from layers import params_yaml
from tabular.settings import PROJECT
from toolkit.project.errors import UserError


@pytest.fixture
def root(tmp_path):
    (tmp_path / "params.yaml").write_text(params_yaml("tabular"), "utf-8")
    return tmp_path


def load(root, overrides=()):
    return replace(PROJECT, root=root).params(overrides)


def test_the_shipped_file_is_valid(root):
    assert load(root).cv.folds >= 2


def test_a_key_can_be_overridden_for_one_call(root):
    before = (root / "params.yaml").read_bytes()
    assert load(root, ["cv.folds=3", "seed=7"]).cv.folds == 3
    assert (root / "params.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("yes", "yes"),
        ("2020", "2020"),
        ("Cost: #1", "Cost: #1"),
        ("[odd", "[odd"),
        ("'quoted'", "quoted"),
        ("null", None),
        ("", None),
    ],
)
def test_a_text_is_taken_as_it_is_written(root, text, value):
    assert load(root, [f"ladder.rule={text}"]).ladder.rule == value


def test_no_on_and_off_are_texts_wherever_they_stand(root):
    given = ["data.target=no", "data.drop=[on, off, yes, y]", "data.merge_labels={yes: [y, Yes]}",
             "data.labels={true: late, 0: on time}", "data.missing=[-999, n]"]  # fmt: skip
    data = load(root, given).data
    assert (data.target, data.drop) == ("no", ["on", "off", "yes", "y"])
    assert data.merge_labels == {"yes": ["y", "Yes"]}
    assert data.labels == {"true": "late", "0": "on time"}
    assert data.missing == ["-999", "n"]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("cv.fold=3", r"unknown key `cv\.fold`.*Did you mean `folds`"),
        ("cv.folds=many", r"`cv\.folds` is 'many'.*integer"),
        ("cv.folds=1", r"`cv\.folds` is 1.*greater than or equal to 2"),
        ("split.test_size=2", r"`split\.test_size` is 2.*less than 1"),
        ("review.share=2", r"`review\.share` is 2.*less than or equal to 1"),
        ("review.confidence_floor=0.6", r"unknown key `review\.confidence_floor`.*share"),
        ("nonsense=1", r"unknown key `nonsense`"),
        ("cv", r"section\.key=value"),
        ("seed.deep=1", r"`seed` is a value, not a section"),
        ("cv.folds={", "not a YAML value"),
    ],
)
def test_mistakes_are_named(root, override, message):
    with pytest.raises(UserError, match=message):
        load(root, [override])


@pytest.mark.parametrize(
    ("content", "message"),
    [("cv: [", "not valid YAML"), ("- a", "must hold sections"), ("", "must hold sections")],
)
def test_a_broken_file_is_named(root, content, message):
    (root / "params.yaml").write_text(content)
    with pytest.raises(UserError, match=message):
        load(root)


def test_a_missing_file_says_where_to_be(tmp_path):
    with pytest.raises(UserError, match="Run the command in the project's folder"):
        load(tmp_path)


def test_the_environment_wins_over_the_file(root, monkeypatch):
    (root / ".env").write_text("PORT=9000\nHOST=0.0.0.0\n")
    monkeypatch.setenv("PORT", "9001")
    found = replace(PROJECT, root=root).environment()
    assert (found.port, found.host) == (9001, "0.0.0.0")


def test_a_wrong_environment_is_named(root, monkeypatch):
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(UserError, match="`port` is 'http'"):
        replace(PROJECT, root=root).environment()
