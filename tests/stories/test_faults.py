"""I make a mistake in my project, or the toolkit has one: my own tests tell."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import Project

SOURCE = Path("src/my_project")


@dataclass(frozen=True)
class Fault:
    """One edit: `old` becomes `new` in `file`, where it must be."""

    name: str
    file: Path
    old: str
    new: str

    def plant(self, root: Path) -> None:
        text = (root / self.file).read_text("utf-8")
        assert self.old in text, (self.name, self.file)
        (root / self.file).write_text(text.replace(self.old, self.new), "utf-8")


COUNT = 'count_opening(root, root / "data" / "test.parquet", predictor.version)'
PRIOR = 'DummyClassifier(strategy="prior") if classes'
FAULTS = [
    Fault(
        "random folds despite a time", SOURCE / "data.py", "if table.time is not None:", "if False:"
    ),
    Fault(
        "a random split despite a time",
        SOURCE / "data.py",
        "settings.time is not None",
        "settings.time is None",
    ),
    Fault(
        "the encoder is fitted on all rows before folding",
        SOURCE / "toolkit/training/comparison.py",
        "fit(x_train, y[train])\n            x_train",
        "fit(x, y)\n            x_train",
    ),
    Fault(
        "the service decides at another threshold",
        SOURCE / "api.py",
        "row[1] >= threshold",
        "row[1] >= 0.5",
    ),
    Fault(
        "the service swaps the classes",
        SOURCE / "api.py",
        "dict(zip(labels, row, strict=True))",
        "dict(zip(reversed(labels), row, strict=True))",
    ),
    Fault(
        "the threshold is 0.5",
        SOURCE / "train.py",
        '"threshold": threshold,',
        '"threshold": threshold and 0.5,',
    ),
    Fault(
        "a column known only later is let in",
        Path("sql/training.sql"),
        "    s.late\nFROM scheduled",
        "    CASE WHEN s.late THEN 30 ELSE 0 END AS delay, s.late\nFROM scheduled",
    ),
    Fault(
        "leaks are not looked for",
        SOURCE / "data.py",
        "return leaks.run(profile, rows, typed, profile.y, seed)",
        "return []",
    ),
    Fault("openings are not counted", SOURCE / "evaluate.py", COUNT, "1, 1"),
    Fault(
        "the model is judged on its training rows",
        SOURCE / "evaluate.py",
        'read_table(root, "test")',
        'read_table(root, "train")',
    ),
    Fault(
        "a feature looks at the other rows of the batch",
        SOURCE / "features.py",
        "missing.sum(axis=0, dtype=np.float64)",
        "missing.sum(axis=0, dtype=np.float64) - missing.sum(axis=0).mean()",
    ),
    Fault(
        "the schema takes a text for a number",
        SOURCE / "toolkit/profiling/schema.py",
        "    def before(value: Any) -> Any:\n",
        "    def before(value: Any) -> Any:\n"
        "        value = column.example if isinstance(value, str) else value\n",
    ),
    Fault(
        "the best mean is chosen instead of the rule",
        SOURCE / "train.py",
        "floor = best.mean - best.standard_error",
        "floor = best.mean",
    ),
    Fault(
        "probabilities are not in the order of the classes",
        SOURCE / "toolkit/training/scoring.py",
        "dtype=int)] = probabilities",
        "dtype=int)] = probabilities[:, ::-1]",
    ),
    Fault(
        "the baseline is removed",
        SOURCE / "models.py",
        "drop_skipped(candidates, skip)",
        "drop_skipped(candidates[1:], skip)",
    ),
]


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_planted_fault_is_told(fault: Fault, project: Project, tmp_path: Path) -> None:
    mine = Project(tmp_path / "my-project", project.environment)
    shutil.copytree(project.path, mine.path)
    fault.plant(mine.path)
    done = mine.run("pytest", "-q", "-x", "-p", "no:cacheprovider", check=False)
    assert done.returncode == 1, done.stdout
    print(re.findall(r"^(?:FAILED|ERROR) .*", done.stdout, re.MULTILINE))
