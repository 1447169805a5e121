"""The guided start proposes settings for a table, says why, and writes them when told to."""

from dataclasses import replace

import pytest
from dvc.utils.serialize import parse_yaml
from odd_table import write_odd_table
from tabular import data
from tabular.settings import PROJECT
from toolkit.guide import init_data
from toolkit.project import yaml_files
from toolkit.project.errors import UserError

PARAMS = """\
# Mine.
data:
  source: sample   # where from
  path: null
  target: late
  time: scheduled_at
  drop: [tail_number]
  lookups:
    - {key: [origin], columns: [distance]}

split: {test_size: 0.25}  # a quarter
ladder: {rule: scheduled_at.hour}
"""


@pytest.fixture
def project(tmp_path):
    write_odd_table(tmp_path / "data" / "raw" / "mine.csv")
    (tmp_path / "params.yaml").write_text(PARAMS)
    return replace(PROJECT, root=tmp_path)


def start(project, target, answer=True, path=None):
    """What is shown and said, with one answer to the only question."""
    shown, said = [], []

    def confirm(proposal):
        shown.append(proposal)
        return answer

    path = path or project.root / "data" / "raw" / "mine.csv"
    end = init_data.run(project, path, target, data.run, confirm, said.append)
    return shown[0], said, end


def test_the_guided_start_writes_params_and_keeps_comments(project):
    shown, said, _ = start(project, "sold")
    settled = project.params()
    assert "sold" in shown
    assert settled.data.path == "data/raw/mine.csv"
    assert (settled.data.time, settled.data.task) == ("when", "binary")
    assert settled.data.sensitive == ["age of owner", "sex"]
    assert settled.ladder.rule is None
    text = (project.root / "params.yaml").read_text()
    assert "# where from" in text
    assert "{test_size: 0.25}  # a quarter" in text
    assert any("id (identifier" in sentence for sentence in said)
    assert (project.root / "DATA.md").exists()


def test_a_proposal_that_is_refused_changes_nothing(project):
    _, _, end = start(project, "sold", answer=False)
    assert "Nothing was written" in end
    assert (project.root / "params.yaml").read_text() == PARAMS
    assert not (project.root / "DATA.md").exists()


def test_the_guided_start_changes_nothing_when_the_table_is_bad(project):
    with pytest.raises(UserError, match="which is not a column"):
        start(project, "Preis")
    assert (project.root / "params.yaml").read_text() == PARAMS


NAMES = ["on", "off", "no", "yes", "y", "null", "~", "true", "2020", "1e3", "1_000", "12:30", "0x1F",
         ".inf", "2020-01-01", "a: b", "# c", "- d", "{e}", "[f]", "*g", "&h", "!i", "%j", "@k", "`l",
         "'m", "<<", "=", "?", "é", "日本", "{{ x }}"]  # fmt: skip


def written(project, header, target, name="mine.csv"):
    """The settings after a guided start with a small table of these columns."""
    rows = [f"{i * 7 % 60 / 7:.3f},{i % 13},{'ab'[i % 2]}" for i in range(60)]
    path = project.root / "data" / "raw" / name
    path.write_text("\n".join([",".join(header), *rows]) + "\n", "utf-8")
    init_data.run(
        project, path, target, lambda project, params: None, lambda _: True, lambda _: None
    )
    return project.params().data


@pytest.mark.parametrize("header", [["on", "off", "no"], ["1e3", "~", "null"]])
def test_columns_called_as_yaml_calls_other_things(project, header):
    assert written(project, header, header[-1]).target == header[-1]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_yaml_takes_for_something_else_is_read_back(project, name):
    init_data._write(project, {"target": name, "drop": [name], "merge_labels": {name: [name]}})
    settled = project.params().data
    assert (settled.target, settled.drop, settled.merge_labels) == (name, [name], {name: [name]})
    text = (project.root / "params.yaml").read_text("utf-8")
    assert parse_yaml(text, "params.yaml")["data"]["target"] == name  # DVC's reader


def test_a_setting_that_is_not_read_back_leaves_the_old_file(project, monkeypatch):
    load = yaml_files.load
    monkeypatch.setattr(yaml_files, "load", lambda text, comments=False: (
        load(text, comments) if comments else load(text.replace("target: y", "target: z"))))  # fmt: skip
    with pytest.raises(UserError, match=r"left as it is: `data.target` would be 'y'"):
        written(project, ["one", "two", "y"], "y")
    assert (project.root / "params.yaml").read_text() == PARAMS


def test_a_target_is_proposed_by_name_or_place(project):
    assert written(project, ["churn", "two", "three"], None).target == "churn"
    assert written(project, ["one", "two", "three"], None, "other.csv").target == "three"


def test_a_second_look_at_the_same_table_keeps_what_was_set(project):
    written(project, ["one", "two", "y"], "y")
    path = project.root / "params.yaml"
    path.write_text(path.read_text().replace("missing: []", "missing: [x, -999]"))
    assert written(project, ["one", "two", "y"], None).missing == ["x", "-999"]
    assert written(project, ["one", "two", "y"], "one").missing == []


def test_a_file_outside_the_project_is_copied_in_and_told(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere") / "there" / "sales.csv"
    write_odd_table(outside)
    start(project, "sold", answer=False, path=outside)
    assert not (project.root / "data/raw/sales.csv").exists()
    _, said, _ = start(project, "sold", path=outside)
    assert project.params().data.path == "data/raw/sales.csv"
    assert (project.root / "data/raw/sales.csv").read_bytes() == outside.read_bytes()
    assert any("outside the project; it is copied to data/raw/" in sentence for sentence in said)


def test_a_file_that_cannot_be_copied_is_referred_to_relatively(project, tmp_path_factory):
    outside = (
        tmp_path_factory.mktemp("elsewhere") / "there" / "mine.csv"
    )  # data/raw has another mine.csv
    write_odd_table(outside)
    outside.write_text(outside.read_text("utf-8") + "\n", "utf-8")
    _, said, _ = start(project, "sold", path=outside)
    path = project.params().data.path
    assert path.startswith("../")
    assert (project.root / path).resolve() == outside.resolve()
    assert any("stays there, since data/raw/ has another file" in sentence for sentence in said)


def test_reading_and_labels_are_proposed_with_reasons(project):
    answers = ["yes", "Yes.", "no", "No"]
    rows = [f"{i % 9 + 1}.{i * 7 % 900 + 100},25;{i % 7};{answers[i % 4]}" for i in range(80)]
    path = project.root / "data" / "raw" / "sold.csv"
    path.write_text("\n".join(["umsatz;k;y", *rows]), "utf-8")
    said = []
    init_data.run(project, path, "y", lambda project, params: None, lambda _: True, said.append)
    data = project.params().data
    assert data.formats == {"default": "1.234,56"}
    assert data.merge_labels == {"yes": ["Yes."]}
    assert any(sentence.startswith("reading: Files hold numbers as 1.234,56") for sentence in said)
    assert any("yes / Yes. seem to mean the same" in sentence for sentence in said)
