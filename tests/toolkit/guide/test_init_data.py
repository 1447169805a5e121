"""The guided start proposes settings for a table, says why, and writes them when told to."""

from dataclasses import replace

import pytest
from odd_table import write_odd_table
from tabular import data
from tabular.settings import PROJECT
from toolkit.guide import init_data
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


def start(project, target, answer=True):
    """What is shown and said, with one answer to the only question."""
    shown, said = [], []

    def confirm(proposal):
        shown.append(proposal)
        return answer

    path = project.root / "data" / "raw" / "mine.csv"
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
