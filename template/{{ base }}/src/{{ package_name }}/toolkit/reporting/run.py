"""What a finished run left behind, as the sections read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluation import display
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
    in_words : mapping of str to str
        How a candidate is called inside a sentence, where its name alone would not read well.
    """

    name: str
    description: str
    data: Json
    ladder: Json
    metrics: Json
    metadata: Json
    in_words: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, project: Project, in_words: Mapping[str, str] | None = None) -> "Run":
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
            in_words or {},
        )

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
        return display.case(self.data)

    @property
    def metric(self) -> str:
        """The scorer that chose the model."""
        return str(self.ladder["metric"])

    @property
    def direction(self) -> str:
        """Which way the metric is better."""
        return "lower is better" if display.smaller_is_better(self.metric) else "higher is better"

    @property
    def chosen(self) -> Json:
        """The candidate that ships."""
        name = self.metrics.get("chosen_rung") or self.ladder["chosen"]
        return next((rung for rung in self.ladder["rungs"] if rung["name"] == name), {"name": name})

    @property
    def first(self) -> Json:
        """The candidate that the others must beat."""
        first: Json = self.ladder["rungs"][0]
        return first

    @property
    def best(self) -> Json:
        """The candidate with the highest mean."""
        best: Json = max(self.ladder["rungs"], key=lambda rung: rung["mean"])
        return best

    @property
    def standard_error(self) -> float:
        """The standard error of the best candidate's mean over the folds."""
        stated, best = self.ladder.get("standard_error"), self.best
        return float(stated if stated is not None else best["std"] / len(best["scores"]) ** 0.5)

    @property
    def baseline(self) -> str:
        """The name of the candidate that the test set compares with."""
        return str(self.metrics.get("baseline_rung") or self.first["name"])

    @property
    def target(self) -> str:
        """The name of the target column."""
        schema = (self.metadata.get("schema") or {}).get("target") or {}
        return str((self.data.get("target") or {}).get("name") or schema.get("name") or "")

    @property
    def positive(self) -> int | None:
        """Position of the positive class in `labels`; None unless there are two classes."""
        labels = [str(label).lower() for label in self.metrics.get("labels") or []]
        if len(labels) != 2:
            return None
        schema = (self.metadata.get("schema") or {}).get("target") or {}
        named = str(self.metadata.get("positive", schema.get("positive"))).lower()
        return labels.index(named) if named in labels else 1

    @property
    def hardest_class(self) -> Json:
        """The class found least often, of three or more: `label`, `recall`, `n`. Or empty."""
        matrix, labels = self.metrics.get("confusion_matrix"), self.metrics.get("labels") or []
        found = [
            {"label": labels[place], "recall": row[place] / sum(row), "n": sum(row)}
            for place, row in enumerate(matrix or [])
            if len(labels) > 2 and sum(row)
        ]
        return min(found, key=lambda each: each["recall"], default={})

    def spoken(self, name: str) -> str:
        """A candidate inside a sentence."""
        return self.in_words.get(name, name)

    def label(self, value: object) -> str:
        """A class as a reader knows it."""
        return display.class_label(self.data, value)

    def rows_of(self, value: object) -> str:
        """The rows of a class inside a sentence."""
        if self.label(value) != str(value):
            return f"{self.label(value)} {self.case}s"
        return (
            f"the {self.case}s where {display.cell(self.target, 40)} is {display.cell(value, 40)}"
        )

    def test(self, who: str, metric: str | None = None) -> float | None:
        """A test-set metric of `chosen` or `baseline`; None if it was not measured."""
        value = display.lookup(self.metrics.get(who) or {}, metric or self.metric)
        if value is None and who == "chosen" and metric in (None, self.metric):
            value = (self.metrics.get("primary") or {}).get("test")
        if value is None:
            return None
        return abs(value) if (metric or self.metric).startswith("neg_") else float(value)

    def interval(self, metric: str | None = None) -> list[float] | None:
        """The 95% interval of a test-set metric, as a reader sees the metric."""
        name = metric or self.metric
        bounds = display.lookup(self.metrics.get("intervals") or {}, name)
        if bounds is None:
            return None
        return sorted(abs(bound) for bound in bounds) if name.startswith("neg_") else bounds

    def test_gain(self) -> Json:
        """`{"value", "ci"}` of the test-set gain over the baseline, positive when better.

        Empty if it was not measured.
        """
        return display.lookup(self.metrics.get("gain") or {}, self.metric) or {}

    def test_metrics(self, most: int | None = None) -> list[str]:
        """The metrics of the test set: the one that chose, then the most telling ones."""
        values = self.metrics.get("chosen") or {}
        names = [name for name, value in values.items() if isinstance(value, int | float)]
        first = [*display.names_of(self.metric), *display.TELLING]
        order = {name: -place for place, name in enumerate(reversed(first))}
        return sorted(names, key=lambda name: order.get(name, 1))[:most]
