"""The model card, after Mitchell et al. (2019), "Model Cards for Model Reporting".

Numbers stand in blocks that every run rewrites; intent, harm and watching are the owner's to say.
"""

from ..markdown.markdown import bullets, escape, paragraphs, table
from . import answering, caveats, narrative, tables
from .run import Run

SKELETON = """\
# Model card

## Model details

<!-- details:start -->
<!-- details:end -->

## Intended use

<!-- owner: Say who should use the model for which decision, and name the uses it is not for. -->

## Who could be harmed

<!-- owner: Say who pays for a wrong answer of each kind, and how such a person can object. -->

## Data

<!-- data:start -->
<!-- data:end -->

## Metrics and results

<!-- metrics:start -->
<!-- metrics:end -->

## Groups

<!-- groups:start -->
<!-- groups:end -->

## Limits

<!-- limits:start -->
<!-- limits:end -->

## Monitoring

<!-- monitoring:start -->
<!-- monitoring:end -->

<!-- owner: Say who looks at these numbers, how often, and at which value the model is withdrawn. -->
"""


def blocks(run: Run) -> dict[str, str]:
    """Return the card's Markdown by block name."""
    details = [
        f"Predicts {run.target or 'its target'} ({run.task})." if run.task else "",
        f"Model: {run.chosen}. {run.metadata.get('rung_reason') or ''}".strip(),
    ]
    return {
        "details": paragraphs(
            bullets([text for text in details if text]), table(tables.provenance(run))
        ),
        "data": bullets(
            [
                text
                for text in (
                    narrative.rows(run),
                    narrative.split(run),
                    str(run.data.get("missing_policy") or ""),
                    narrative.leaks(run),
                    narrative.openings(run),
                )
                if text
            ]
        ),
        "metrics": paragraphs(
            bullets(narrative.metric_decision(run)),
            table(tables.metrics(run)),
            bullets([text for text in (caveats.calibration(run), caveats.rule(run)) if text]),
            table(answering.ways(run)),
            escape(answering.enough(run)),
        ),
        "groups": paragraphs(
            bullets(caveats.fairness(run)),
            *(table(content) for _, content in tables.fairness(run)),
            escape(caveats.weakest_slice(run)),
            table(tables.slices(run, most=8)),
        ),
        "limits": bullets(caveats.limitations(run)),
        "monitoring": bullets(watching(run)),
    }


def watching(run: Run) -> list[str]:
    """Say what a service that runs this model can be watched by."""
    said = [
        "GET /metrics counts requests, latencies, rejected inputs and predictions; compare the "
        "distribution of predictions with the shares in the training data.",
        caveats.review(run),
        narrative.snapshot(run),
        f"When true answers arrive, compute {narrative.metric_words(run)} again and compare it "
        "with the interval above.",
    ]
    return [text for text in said if text]
