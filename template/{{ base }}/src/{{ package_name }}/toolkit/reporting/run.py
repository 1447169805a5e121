"""What a finished run left behind, as the documents read it."""

from dataclasses import dataclass
from typing import Any

from ..evaluation.display import case, lookup
from ..project.files import read_json
from ..project.settings import Project

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """The files of one run and the project's own words about itself.

    Attributes
    ----------
    name, description : str
        The project's own words.
    data, ladder, metrics, metadata : dict
        `reports/data.json`, `reports/ladder.json`, `reports/metrics.json` and
        `models/current/metadata.json`.
    """

    name: str
    description: str
    data: Json
    ladder: Json
    metrics: Json
    metadata: Json

    @classmethod
    def load(cls, project: Project) -> "Run":
        """Read the last run of a project.

        Raises
        ------
        UserError
            If a stage has not run yet; the message names its command.
        """
        root = project.root
        return cls(
            project.name,
            project.description,
            read_json(root / "reports" / "data.json", "data"),
            read_json(root / "reports" / "ladder.json", "train"),
            read_json(root / "reports" / "metrics.json", "evaluate"),
            read_json(root / "models" / "current" / "metadata.json", "train"),
        )

    @property
    def about(self) -> Json:
        """The sample's own `problem` and `approach`; empty when the data is the owner's."""
        return self.data.get("about") or {}

    @property
    def task(self) -> str:
        """`binary`, `multiclass`, `regression` or a role's own."""
        return str(self.metrics.get("task", ""))

    @property
    def row(self) -> str:
        """What a row of the data is called."""
        return str(self.data.get("row") or "row")

    @property
    def case(self) -> str:
        """What is judged one by one: a row, unless the role names something else."""
        return case(self.data)

    @property
    def metric(self) -> str:
        """The scorer that chose the model."""
        return str(self.ladder["metric"])

    @property
    def chosen(self) -> str:
        """The rung that ships."""
        return str(self.metrics.get("chosen_rung") or self.ladder["chosen"])

    @property
    def baseline(self) -> str:
        """The rung the others must beat."""
        return str(self.metrics.get("baseline_rung") or self.ladder["rungs"][0]["name"])

    @property
    def target(self) -> str:
        """The name of the target column."""
        return str(self.data.get("target", {}).get("name") or self.schema_target.get("name") or "")

    @property
    def schema_target(self) -> Json:
        """The target's part of the schema that the model was trained with."""
        return (self.metadata.get("schema") or {}).get("target") or {}

    @property
    def positive(self) -> int | None:
        """Position of the positive class in `labels`; None unless there are two classes."""
        labels = [str(label).lower() for label in self.metrics.get("labels") or []]
        if len(labels) != 2:
            return None
        named = self.metadata.get("positive", self.schema_target.get("positive"))
        return labels.index(str(named).lower()) if str(named).lower() in labels else 1

    def rung(self, name: str) -> Json:
        """Return a rung of the ladder; an empty dict if it is not there."""
        return next((rung for rung in self.ladder["rungs"] if rung["name"] == name), {})

    def best(self) -> Json:
        """Return the rung with the highest mean."""
        best: Json = max(self.ladder["rungs"], key=lambda rung: rung["mean"])
        return best

    def standard_error(self) -> float:
        """Return the standard error of the best rung's mean over the folds."""
        best = self.best()
        stated = self.ladder.get("standard_error")
        return float(stated if stated is not None else best["std"] / len(best["scores"]) ** 0.5)

    def test(self, who: str, metric: str | None = None) -> float | None:
        """Return a test-set metric of `chosen` or `baseline`; None if it was not measured."""
        value = lookup(self.metrics.get(who) or {}, metric or self.metric)
        if value is None and who == "chosen" and metric in (None, self.metric):
            value = (self.metrics.get("primary") or {}).get("test")
        if value is None:
            return None
        return abs(value) if (metric or self.metric).startswith("neg_") else float(value)

    def interval(self, metric: str | None = None) -> list[float] | None:
        """Return the 95 % interval of a test-set metric, as a reader sees the metric."""
        name = metric or self.metric
        bounds = lookup(self.metrics.get("intervals") or {}, name)
        if bounds is None:
            return None
        return sorted(abs(bound) for bound in bounds) if name.startswith("neg_") else bounds

    def test_gain(self) -> Json:
        """Return `{"value", "ci"}` of the test-set gain over the baseline, positive when better.

        Empty if it was not measured.
        """
        return lookup(self.metrics.get("gain") or {}, self.metric) or {}
