"""What the data stage reports of a table: `reports/data.json`, and the lines on the console."""

import logging
from typing import Any

import numpy as np

from ..leaks import Finding
from ..splitting.tables import Split
from .columns import Profile

logger = logging.getLogger(__name__)

MISSING_POLICY = (
    "Rows without a target{time} are left out and counted. A missing input stays missing in the "
    "files; each fold fills it with the training median (numbers, and a mark that it was missing) "
    "or treats it as a value of its own (categories, text), and the service does the same."
)
MOST_BINS = 30


def absent_classes(profile: Profile, split: Split) -> list[str]:
    """A warning for each side of the split that has no row of some class."""
    codes, said = profile.y, []
    for side, rows in (("training", split.train), ("test", split.test)):
        present = set(np.unique(codes[rows]))
        absent = [str(c) for i, c in enumerate(profile.target.classes or []) if i not in present]
        if absent:
            said.append(
                f"Class {', '.join(absent)} has no row on the {side} side of the {split.kind} split."
            )
    return said


def summarize(
    profile: Profile, split: Split, findings: list[Finding], digest: str, about: Any
) -> dict[str, Any]:
    """The content of `reports/data.json`.

    Parameters
    ----------
    profile : Profile
    split : Split
    findings : list of Finding
        Of the leak checks.
    digest : str
        SHA-256 of the training and test rows.
    about : dict or None
        What the sample says of itself.
    """
    codes, target = profile.y, profile.target
    numeric = target.classes is None
    time = profile.frame[split.time] if split.time else None

    def side(rows: Any) -> dict[str, Any]:
        result: dict[str, Any] = {"rows": len(rows)}
        if time is not None:
            result |= {"from": _moment(time.iloc[rows].min()), "to": _moment(time.iloc[rows].max())}
        return result

    return {
        "source": profile.source,
        "rows_read": profile.rows_read,
        "rows_used": len(split.train) + len(split.test),
        "rows_dropped": profile.rows_dropped | split.left_out,
        "columns": [column.to_json() for column in profile.columns],
        "target": {
            "name": target.name,
            "task": target.task,
            "task_reason": target.reason,
            "classes": target.counts,
            "positive": target.positive,
            "positive_reason": target.positive_reason,
            "min": float(codes.min()) if numeric else None,
            "max": float(codes.max()) if numeric else None,
            "mean": float(codes.mean()) if numeric else None,
            "histogram": _histogram(codes) if numeric else None,
            "missing": profile.rows_dropped.get("missing target", 0),
        },
        "missing_policy": MISSING_POLICY.format(time=" or a time" if split.time else ""),
        "split": {
            "kind": split.kind,
            "reason": split.reason,
            "train": side(split.train),
            "test": side(split.test),
        },
        "leaks": [finding.to_json() for finding in findings],
        "warnings": profile.warnings,
        "sha256": digest,
        "about": about,
    }


def _histogram(numbers: Any) -> dict[str, list[float]] | None:
    """Counts of the target in bins of equal width; None where the width has no float64."""
    if not np.isfinite(numbers.max() - numbers.min()):
        return None
    counts, edges = np.histogram(numbers, bins=min(MOST_BINS, len(np.unique(numbers))))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _moment(value: Any) -> str | float:
    return value.isoformat() if hasattr(value, "isoformat") else float(value)


def log(report: dict[str, Any]) -> None:
    """Tell on the console what was left out, decided, and found."""
    for column in report["columns"]:
        if not column["used"] and column["reason"] != "target":
            logger.info("Not used: %s (%s).", column["name"], column["reason"])
    for why, count in report["rows_dropped"].items():
        logger.info("Left out %s rows: %s.", f"{count:,}", why)
    target, split = report["target"], report["split"]
    logger.info("Task: %s (%s).", target["task"], target["task_reason"])
    if target["positive"] is not None:
        logger.info("Positive class: %s (%s).", target["positive"], target["positive_reason"])
    logger.info(
        "Split %s: %s training rows, %s test rows.",
        split["kind"],
        f"{split['train']['rows']:,}",
        f"{split['test']['rows']:,}",
    )
    for sentence in report["warnings"]:
        logger.warning("%s", sentence)
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s %s: %s %s",
                finding["check"],
                "failed" if finding["status"] == "failed" else "warns",
                finding["detail"],
                finding["remedy"],
            )
