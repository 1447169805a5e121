"""The README's blocks: problem, approach, results in thirty seconds, limitations, responsibility."""

from ..evaluation.display import metric_label
from ..markdown.markdown import bullets, escape, paragraphs, table
from . import answering, caveats, narrative, tables
from .run import Run


def blocks(run: Run, figures: str = "reports/figures") -> dict[str, str]:
    """Return Markdown by block name.

    Parameters
    ----------
    run : Run
        What the stages left behind.
    figures : str
        Where the figures lie, relative to the README.
    """
    alt = f"{metric_label(run.metric)} of every rung by fold; {run.chosen} is chosen"
    results = paragraphs(
        f"**{escape(narrative.headline(run))}**",
        table(tables.metrics(run, most=4)),
        f"![{escape(alt)}]({figures}/ladder.png)",
        escape(narrative.choice(run)),
        table(tables.ladder(run, short=True)),
        bullets(
            [
                text
                for text in (
                    narrative.random_split(run),
                    narrative.saving(run),
                    caveats.rule(run),
                    answering.enough(run),
                    answering.abstention(run),
                    " ".join(filter(None, [narrative.leaks(run), narrative.openings(run)])),
                )
                if text
            ]
        ),
        "The whole study, errors included, is `reports/report.html`; "
        "[MODEL_CARD.md](MODEL_CARD.md) says what the model is for and what it is not for.",
    )
    return {
        "problem": escape(narrative.problem(run)),
        "approach": escape(" ".join(narrative.approach(run))),
        "results": results,
        "limitations": bullets(caveats.limitations(run)),
        "responsible-ai": bullets(caveats.responsible(run)),
    }
