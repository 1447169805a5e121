"""The report stage: what is told, in which order.

A name is a section: its sentences, then its tables and figures. `points` lists only the sentences,
`warnings` only those that have something to warn of. The templates are in toolkit/reporting/sections,
the figures are those of `CHARTS` in evaluate.py; add, drop or reorder either.
"""

from .settings import Params
from .toolkit.project.settings import Project
from .toolkit.reporting.documents import Story, Writer, points, warnings, write
from .toolkit.reporting.run import Run

# How a candidate is called inside a sentence.
IN_WORDS = {
    "majority": "always predicting the majority class",
    "mean": "always predicting the mean",
    "rule": "the simple rule",
    "decision tree": "the decision tree",
    "random forest": "the random forest",
    "soft vote": "the soft-voting ensemble",
}

# A section of your own is Markdown with Jinja, and has `data`, `ladder`, `metrics` and `metadata`:
#   "small_test": "{% macro said() %}Only {{ metrics.n_test }} rows were tested.{% endmacro %}"
OWN: dict[str, str] = {}

TILES = ["scores", "baseline", "gain", "threshold", "openings"]

LIMITATIONS: Story = [
    points("scope", "confusion", "errors"),
    warnings("slices"),
    points("calibration", "snapshot"),
    warnings("rule", "baseline", "leaks", "openings", "data_warnings"),
]

PAGE: dict[str, Story] = {
    "": [points("scores", "ladder", "baseline", "threshold", "random_split", "leaks")],
    "Data and split": [
        "rows", "missing_values", "split", "data_warnings", "target", "columns", "leaks",
    ],
    "The ladder": ["candidates", "ladder", "gain", "random_split", "rule", "learning_curve"],
    "The test set": [
        "openings", "baseline", "scores", "confusion", "curves", "errors", "snapshot", "calibration",
    ],
    "Threshold and costs": ["threshold"],
    "Errors": ["slices", "importance", "worst"],
    "Groups": ["groups", "review"],
    "Limitations": LIMITATIONS,
    "Provenance": ["provenance"],
}  # fmt: skip

README: dict[str, Story] = {
    "problem": ["problem"],
    "approach": [points("approach", "rows", "split", "schema", "candidates")],
    "results": [
        "headline",
        "ladder",
        points("random_split", "threshold", "rule", "leaks", "openings"),
        "further",
    ],
    "limitations": LIMITATIONS,
    "responsible-ai": [points("groups", "confusion", "errors", "review", "origin")],
}

MODEL_CARD: dict[str, Story] = {
    "details": [points("details"), "provenance"],
    "data": [points("rows", "split", "missing_values", "leaks", "openings")],
    "metrics": [points("metric", "threshold"), "scores", points("calibration", "rule")],
    "groups": ["groups", "slices"],
    "limits": LIMITATIONS,
    "monitoring": [points("monitoring", "review", "snapshot")],
}

DECISIONS: dict[str, Story] = {
    "0001-metric": ["decided", points("metric", "threshold")],
    "0002-split": ["decided", points("split", "leaks", "random_split")],
    "0003-model": ["decided", "ladder", points("gain", "rule"), "candidates"],
}


def run(project: Project, params: Params) -> dict[str, str]:
    """Write every document from the files of the stages before.

    Parameters
    ----------
    project : Project
    params : Params
        Not used: what is told was decided by the stages before.

    Returns
    -------
    dict
        `report`: where the page lies.

    Raises
    ------
    UserError
        If a stage has not run, or a document's markers are damaged; the other documents are
        written all the same.
    """
    writer = Writer(Run.load(project, IN_WORDS), OWN, project.root / "reports" / "figures")
    records = {f"docs/decisions/{name}.md": {"run": story} for name, story in DECISIONS.items()}
    documents = {"README.md": README, "MODEL_CARD.md": MODEL_CARD, **records}
    return write(project, writer, writer.page(PAGE, TILES), documents)
