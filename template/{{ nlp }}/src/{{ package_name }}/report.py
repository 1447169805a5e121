"""The report stage: what is told, in which order.

A name is a section: its sentences, then its tables and figures. `points` lists only the sentences,
`warnings` only those that have something to warn of. The templates are in toolkit/reporting/sections,
the figures are those of `CHARTS` in evaluate.py; add, drop or reorder either.
"""

from .settings import Params
from .toolkit.answer_evaluation import labels  # noqa: F401  what ranking scores are called
from .toolkit.project.settings import Project
from .toolkit.reporting.documents import Story, Writer, points, warnings, write
from .toolkit.reporting.run import Run

# How a candidate is called inside a sentence.
IN_WORDS = {
    "dense": "dense retrieval",
    "hybrid": "hybrid retrieval",
    "hybrid, reranked": "hybrid retrieval with reranking",
}

# A section of your own is Markdown with Jinja, and has `data`, `ladder`, `metrics` and `metadata`:
#   "few": "{% macro said() %}Only {{ metrics.n_test }} questions were tested.{% endmacro %}"
OWN: dict[str, str] = {}

TILES = ["scores", "baseline", "gain", "openings"]

LIMITATIONS: Story = [
    points("scope"),
    warnings("slices"),
    points("abstention"),
    warnings("rule", "search_review", "leaks", "openings", "data_warnings"),
]

PAGE: dict[str, Story] = {
    "": [points("contradictions", "scores", "ladder", "baseline", "answers", "leaks")],
    "Documents and questions": [
        "rows", "files", "missing_values", "split", "data_warnings", "target", "lengths", "words",
        "columns", "leaks",
    ],
    "The ladder": ["candidates", "ladder", "gain", "rule", "learning_curve"],
    "The test set": ["openings", "baseline", "scores", "kinds", "places"],
    "Answers": ["answers", "selective", "abstention", "confidence", "injection"],
    "Errors": ["slices", "worst"],
    "Groups": ["groups", "search_review"],
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
        points("rule", "kinds", "selective", "leaks", "openings", "speed"),
        "further",
    ],
    "limitations": LIMITATIONS,
    "responsible-ai": [points("groups", "search_review", "injection", "origin")],
    "flow": ["flow"],
    "example": ["example"],
}

MODEL_CARD: dict[str, Story] = {
    "details": [points("details"), "provenance"],
    "data": [points("rows", "split", "missing_values", "leaks", "openings")],
    "metrics": [points("contradictions", "metric"), "scores", points("rule"), "answers"],
    "groups": ["groups", "slices"],
    "limits": LIMITATIONS,
    "monitoring": [points("monitoring", "search_review")],
}

DECISIONS: dict[str, Story] = {
    "0001-metric": ["decided", points("metric")],
    "0002-split": ["decided", points("split", "leaks")],
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
