"""What a finished run left behind, as the sections read it."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..evaluation import display
from ..evaluation.verdicts import contradictions, require_one_run
from ..project import yaml_files
from ..project.files import read_json
from ..project.settings import Project
from ..training.bundle import BUNDLE, read_ladder, read_metadata

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
    demo, preview : str
        Where the model can be tried, and a picture of that; empty until `docs/preview.png` is there.
    flow : sequence of str
        The data's way, as lines of a Mermaid flowchart.
    replay : dict
        `reports/replay.json`, where there is one.
    bench : dict
        `reports/bench.json`, if it is of this model and enough was asked; empty otherwise.
    """

    name: str
    description: str
    data: Json
    ladder: Json
    metrics: Json
    metadata: Json
    in_words: Mapping[str, str] = field(default_factory=dict)
    demo: str = ""
    preview: str = ""
    flow: Sequence[str] = ()
    replay: Json = field(default_factory=dict)
    bench: Json = field(default_factory=dict)

    @classmethod
    def load(cls, project: Project, in_words: Mapping[str, str] | None = None) -> "Run":
        """Read the last run of a project.

        Raises
        ------
        UserError
            If a stage has not run yet, or the files are of different runs.
        """
        root = project.root
        run = cls(
            project.name,
            project.description,
            read_json(root / "reports" / "data.json", "data"),
            read_ladder(root),
            read_json(root / "reports" / "metrics.json", "evaluate"),
            read_metadata(root / BUNDLE),
            in_words or {},
            *_beside(root),
        )
        require_one_run(run.data, run.ladder, run.metrics, run.metadata)
        measured = root / "reports" / "bench.json"
        bench = read_json(measured, "bench") if measured.is_file() else {}
        of_this = bench.get("model_version") == run.metadata["model_version"]
        return replace(run, bench=bench) if of_this and bench["enough"] else run

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

    def decided(self, value: object) -> str:
        """A class as a decision: its label, or `late = True`."""
        label = self.label(value)
        named = label != str(value)
        return label if named else f"{display.cell(self.target, 40)} = {display.cell(value, 40)}"

    def rows_of(self, value: object) -> str:
        """The rows of a class inside a sentence."""
        if self.label(value) != str(value):
            return f"{self.label(value)} {self.case}s"
        return (
            f"the {self.case}s where {display.cell(self.target, 40)} is {display.cell(value, 40)}"
        )

    @property
    def contradictions(self) -> list[Json]:
        """Measurements that differ by more than their intervals allow."""
        return contradictions(self.ladder, self.metrics)

    @property
    def resampled(self) -> str:
        """What the intervals of the test set rest on: `resampling 13 groups`."""
        count, unit = self.metrics.get("interval_units"), self.metrics.get("interval_unit")
        if not count:
            return ""
        few = ", which are too few to rely on" if self.metrics.get("too_few_units") else ""
        return f"resampling {display.plural(count, str(unit)[:-1])}{few}"

    def test(self, who: str, metric: str | None = None) -> float | None:
        """A test-set metric of `chosen` or `baseline`; None if it was not measured."""
        value = self._measured(who, metric)
        if value is None and who == "chosen" and metric in (None, self.metric):
            value = (self.metrics.get("primary") or {}).get("test")
        if value is None:
            return None
        return abs(value) if (metric or self.metric).startswith("neg_") else float(value)

    def interval(self, metric: str | None = None) -> list[float] | None:
        """The 95% interval of a test-set metric, as a reader sees the metric."""
        bounds: list[float] | None = self._measured("intervals", metric)
        if bounds is None:
            return None
        negated = (metric or self.metric).startswith("neg_")
        return sorted(abs(bound) for bound in bounds) if negated else bounds

    def test_gain(self) -> Json:
        """`{"value", "ci"}` of the test-set gain over the baseline, positive when better.

        Empty if it was not measured.
        """
        return self._measured("gain", None) or {}

    def _measured(self, what: str, metric: str | None) -> Any:
        """What metrics.json has under `what` of a metric; of the one that chose, where none is named."""
        values = self.metrics.get(what) or {}
        named = (self.metrics.get("primary") or {}).get("name")
        if metric in (None, self.metric) and named in values:
            return values[named]
        return display.lookup(values, metric or self.metric)

    def test_metrics(self, most: int | None = None) -> list[str]:
        """The metrics of the test set: the one that chose, then the most telling ones."""
        values = self.metrics.get("chosen") or {}
        names = [name for name, value in values.items() if isinstance(value, int | float)]
        primary = (self.metrics.get("primary") or {}).get("name")
        leading = [primary] if primary else [*display.names_of(self.metric)]
        first = [*leading, *display.TELLING]
        order = {name: -place for place, name in enumerate(reversed(first))}
        return sorted(names, key=lambda name: order.get(name, 1))[:most]


def _beside(root: Path) -> tuple[str, str, list[str], Json]:
    """What the README tells besides the run: `demo`, `preview`, `flow` and `replay`."""
    pyproject, pipeline = root / "pyproject.toml", root / "dvc.yaml"
    preview, replay = Path("docs", "preview.png"), root / "reports" / "replay.json"
    about = tomllib.loads(pyproject.read_text("utf-8"))["project"] if pyproject.is_file() else {}
    stages = yaml_files.load(pipeline.read_text("utf-8"))["stages"] if pipeline.is_file() else {}
    return (
        about.get("urls", {}).get("Demo", ""),
        preview.as_posix() if (root / preview).is_file() else "",
        list(_flow(stages)),
        read_json(replay, "replay") if replay.is_file() else {},
    )


def _flow(stages: Json) -> Iterator[str]:
    """Who makes what for whom in `dvc.yaml`, as a Mermaid flowchart; code is left out."""
    made = {
        path: name
        for name, stage in stages.items()
        for entry in [*stage.get("outs", []), *stage.get("metrics", [])]
        for path in ([entry] if isinstance(entry, str) else entry)
    }
    edges: dict[tuple[str, str], list[str]] = {}
    for name, stage in stages.items():
        for path in stage.get("deps", []):
            if not path.startswith("src/"):
                edges.setdefault((made.get(path, "source"), name), []).append(path)
    taken = {path for paths in edges.values() for path in paths}
    for path in made.keys() - taken:
        edges.setdefault((made[path], "reader"), []).append(path)
    ways: dict[str, list[str]] = {}  # a line for each maker, since the README is to stay short
    for (maker, taker), paths in sorted(edges.items()):
        names = "<br/>".join(path.removeprefix("data/").removeprefix("reports/") for path in paths)
        ways.setdefault(maker, []).append(f'{maker} -- "{names}" --> {taker}')
    yield from map("; ".join, ways.values())
