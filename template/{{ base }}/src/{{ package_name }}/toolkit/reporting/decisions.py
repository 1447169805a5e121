"""Decision records: what the run decided and measured; why it is right is the owner's to argue."""

from ..markdown.markdown import bullets, paragraphs, table
from . import caveats, narrative, tables
from .run import Run

_SKELETON = """\
# {title}

## What the run did

<!-- run:start -->
<!-- run:end -->

## Why this is right here

<!-- owner: {question} -->
"""

SKELETONS = {
    "0001-metric.md": _SKELETON.format(
        title="1. The metric",
        question="Say what a wrong answer of each kind costs, and why this metric ranks models "
        "as those costs would.",
    ),
    "0002-split.md": _SKELETON.format(
        title="2. The split",
        question="Say how the model will meet new rows, and why this split imitates that.",
    ),
    "0003-model.md": _SKELETON.format(
        title="3. The model",
        question="Say why the chosen rung deserves to ship, and what would change your mind.",
    ),
}


def blocks(run: Run) -> dict[str, str]:
    """Return the generated part of each record, by file name."""
    split = [narrative.split(run), narrative.leaks(run), narrative.random_split(run)]
    model = [narrative.choice(run), narrative.ladder_gain(run), caveats.rule(run)]
    status = f"Date: {narrative.day(run.metadata.get('created_at'))}. Status: decided by the run."
    return {
        "0001-metric.md": paragraphs(status, bullets(narrative.metric_decision(run))),
        "0002-split.md": paragraphs(status, bullets([text for text in split if text])),
        "0003-model.md": paragraphs(
            status,
            bullets([text for text in model if text]),
            table(tables.ladder(run, short=True)),
            table(tables.reasons(run)),
        ),
    }
