"""The report stage: one page, the README's blocks, the model card and the decision records."""

import logging
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from .settings import Params
from .toolkit.markdown import blocks
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_text
from .toolkit.project.settings import Project
from .toolkit.reporting import answering, caveats, decisions, model_card, narrative, readme, tables
from .toolkit.reporting.run import Run

logger = logging.getLogger(__name__)


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
    root, finished = project.root, Run.load(project)
    page = root / "reports" / "report.html"
    write_text(page, render(finished, root / "reports" / "figures"))
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
    return {"report": str(page)}


def render(finished: Run, figures: Path) -> str:
    """Return the page: self-contained HTML, every value escaped."""
    environment = Environment(
        loader=PackageLoader(f"{__package__}.toolkit.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    context: dict[str, Any] = {
        "run": finished,
        "figures": {path.stem: path.read_text("utf-8") for path in figures.glob("*.svg")},
        "say": narrative,
        "warn": caveats,
        "tables": tables,
        "answers": answering,
    }
    return environment.get_template("report.html.j2").render(context)
