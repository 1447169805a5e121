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
    "SVM on HOG": "the SVM on HOG features",
    "small CNN": "the small CNN",
    "small CNN, augmented": "the small CNN with augmentation",
}

# A section of your own is Markdown with Jinja, and has `data`, `ladder`, `metrics` and `metadata`:
#   "small_test": "{% macro said() %}Only {{ metrics.n_test }} images were tested.{% endmacro %}"
OWN: dict[str, str] = {}

TILES = ["scores", "baseline", "gain", "openings"]

LIMITATIONS: Story = [
    points("scope", "confusion"),
    warnings("slices"),
    points("calibration", "robustness"),
    warnings("rule", "review", "leaks", "openings", "data_warnings", "notice"),
]

PAGE: dict[str, Story] = {
    "": [points("contradictions", "scores", "ladder", "baseline", "blocks", "leaks")],
    "Data and split": [
        "rows", "missing_values", "split", "data_warnings", "target", "samples", "columns", "leaks",
    ],
    "The ladder": ["candidates", "ladder", "gain", "blocks", "rule", "transfer", "learning_curve"],
    "The test set": ["openings", "baseline", "scores", "confusion", "curves", "calibration", "coverage"],
    "Errors": ["slices", "certainty", "robustness", "explanations", "mistakes"],
    "Groups": ["groups", "review"],
    "Limitations": LIMITATIONS,
    "Provenance": ["provenance"],
}  # fmt: skip

README: dict[str, Story] = {
    "problem": ["problem"],
    "preview": ["preview"],
    "approach": [points("approach", "rows", "split", "candidates")],
    "results": [
        points("contradictions"),
        "headline",
        "ladder_chart",
        points("blocks", "certainty", "rule", "transfer", "leaks", "openings", "speed"),
        "explanations",
        "further",
    ],
    "limitations": LIMITATIONS,
    "responsible-ai": [points("groups", "review", "origin")],
    "flow": ["flow"],
    "example": ["example"],
}

MODEL_CARD: dict[str, Story] = {
    "details": [points("details", "notice"), "provenance"],
    "data": [points("rows", "split", "missing_values", "leaks", "openings")],
    "metrics": [
        points("contradictions", "metric"),
        "scores",
        points("calibration", "coverage", "rule"),
    ],
    "groups": ["groups", "slices"],
    "limits": LIMITATIONS,
    "monitoring": [points("monitoring", "review")],
}

DECISIONS: dict[str, Story] = {
    "0001-metric": ["decided", points("metric")],
    "0002-split": ["decided", points("split", "leaks", "blocks")],
    "0003-model": ["decided", "ladder", points("gain", "rule", "transfer"), "candidates"],
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
    drawn = [project.root / "reports" / name for name in ("figures", "pictures")]
    writer = Writer(Run.load(project, IN_WORDS), OWN, *drawn)
    records = {f"docs/decisions/{name}.md": {"run": story} for name, story in DECISIONS.items()}
    documents = {"README.md": README, "MODEL_CARD.md": MODEL_CARD, **records}
    return write(project, writer, writer.page(PAGE, TILES), documents)
