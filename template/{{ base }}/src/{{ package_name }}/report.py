"""The report stage: one page, the README's blocks, the model card and the decision records."""

import logging
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .errors import UserError
from .figures import draw_inline
from .files import write_text
from .reporting import answering, blocks, caveats, decisions, model_card, narrative, readme, tables
from .reporting.run import Run

logger = logging.getLogger(__name__)


def run(root: Path) -> Path:
    """Write every document from the files of the stages before.

    Parameters
    ----------
    root : Path
        The project's folder.

    Returns
    -------
    Path
        `reports/report.html`.

    Raises
    ------
    UserError
        If a stage has not run, or a document's markers are damaged; the other documents are
        written all the same.
    """
    finished = Run.load(root)
    page = root / "reports" / "report.html"
    write_text(page, render(finished))
    records = decisions.blocks(finished)
    documents: list[tuple[Path, dict[str, str], str | None]] = [
        (root / "MODEL_CARD.md", model_card.blocks(finished), model_card.SKELETON),
        *(
            (root / "docs" / "decisions" / name, {"run": content}, decisions.SKELETONS[name])
            for name, content in records.items()
        ),
        (root / "README.md", readme.blocks(finished), None),
    ]
    problems = []
    for path, content, skeleton in documents:
        try:
            blocks.refresh(path, content, skeleton)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError("\n".join(problems))
    logger.info("The report is %s", page)
    return page


def render(finished: Run) -> str:
    """Return the page: self-contained HTML, every value escaped."""
    environment = Environment(
        loader=PackageLoader(__package__, "reporting/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    context: dict[str, Any] = {
        "run": finished,
        "figures": draw_inline(finished.data, finished.ladder, finished.metrics),
        "say": narrative,
        "warn": caveats,
        "tables": tables,
        "answers": answering,
    }
    return environment.get_template("report.html.j2").render(context)
