"""What a role's modules provide, and what its stages leave for the report, `check` and the service.

`settings` has `PROJECT`, whose settings have `data.source` and `data.path`; `data`, `train`, `evaluate`
and `report` have a `run`, which is a `Stage`; `api` has `API`, `predict_file` and `bench_requests`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypedDict

from ..project.errors import UserError
from ..project.files import read_json
from ..project.settings import Project

Json = dict[str, Any]
# The test set as `/predict` takes it: content type and body of each request.
Requests: TypeAlias = Callable[[Project], list[tuple[str, bytes]]]


class Stage(Protocol):
    """Does a stage's work and writes its files; returns the content of the first."""

    def __call__(self, project: Project, params: Any) -> Json:
        """Raise `UserError` for what the user can put right."""


class PredictFile(Protocol):
    """Scores a file or folder with the model that is served; returns `rows` and `bad`."""

    def __call__(self, project: Project, params: Any, source: Path, output: Path) -> Json:
        """Raise `UserError` for what the user can put right."""


class Data(TypedDict):
    """What is read of `reports/data.json`; a role writes more, here as below."""

    source: str
    sha256: str
    rows_read: int
    rows_used: int
    target: Json
    split: Json


class Ladder(TypedDict):
    """What is read of `reports/ladder.json`: `Comparison.to_json` writes all of it."""

    metric: str
    folds: int
    rungs: list[Json]
    chosen: str
    best: str
    standard_error: float
    rule: str


class Metadata(TypedDict):
    """What is read of `models/current/metadata.json`: all but the rung is of `provenance`."""

    model_version: str
    created_at: str
    git_commit: str | None
    data_sha256: str
    packages: dict[str, str]
    rung: str
    rung_reason: str


class Metrics(TypedDict):
    """What is read of `reports/metrics.json`: the last four are of `Evaluation.scores`."""

    task: str
    n_train: int
    n_test: int
    test_openings: int
    test_looks: int
    model_version: str
    chosen_rung: str
    baseline_rung: str
    primary: Json
    chosen: dict[str, float]
    baseline: dict[str, float]
    intervals: dict[str, list[float]]
    gain: dict[str, Json]


# The files of each stage; the page is read by people only.
LEFT: dict[str, dict[str, Any]] = {
    "data": {"reports/data.json": Data},
    "train": {"reports/ladder.json": Ladder, "models/current/metadata.json": Metadata},
    "evaluate": {"reports/metrics.json": Metrics},
    "report": {"reports/report.html": None},
}


def require_left(root: Path, stage: str) -> None:
    """Hold a stage to what it must leave.

    Raises
    ------
    UserError
        If a file or a key is missing.
    """
    for name, content in LEFT.get(stage, {}).items():
        there = read_json(root / name, stage) if content else {}
        if missing := sorted(set(getattr(content, "__required_keys__", ())) - set(there)):
            raise UserError(
                f"`{stage}` wrote {name} without `{'`, `'.join(missing)}`; see "
                "toolkit/commands/role.py for what is read of it."
            )
