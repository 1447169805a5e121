"""What the data stage reports of a table: `reports/data.json`, and the lines on the console."""

import logging
from typing import Any

import numpy as np

from ..evaluation import display
from ..leaks import Finding
from ..reading.settings import Data
from ..splitting.tables import Split
from .columns import Profile
from .warnings import TableWarning

logger = logging.getLogger(__name__)

MISSING_POLICY = (
    "Rows without a target{time} are left out and counted. A missing input stays missing in the "
    "files; each fold fills it with the training median (numbers, and a mark that it was missing) "
    "or treats it as a value of its own (categories, text), and the service does the same."
)
MOST_BINS = 30


def absent_classes(profile: Profile, split: Split) -> list[str]:
    """A sentence for each side of the split that has no row of some class."""
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
    profile: Profile, split: Split, findings: list[Finding], digest: str, about: Any, data: Data
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
    data : Data
        Which warnings the owner accepts, and what classes are called.
    """
    codes, target = profile.y, profile.target
    numeric = target.classes is None
    keys = _label_keys(profile)
    time = profile.frame[split.time] if split.time else None

    def side(rows: Any) -> dict[str, Any]:
        result: dict[str, Any] = {"rows": len(rows)}
        if time is not None:
            result |= {"from": _moment(time.iloc[rows].min()), "to": _moment(time.iloc[rows].max())}
        return result

    return {
        "source": profile.source,
        "format": profile.written,
        "rows_read": profile.rows_read,
        "rows_used": len(split.train) + len(split.test),
        "rows_dropped": profile.rows_dropped | split.left_out,
        "columns": [column.to_json() for column in profile.columns],
        "target": {
            "name": target.name,
            "task": target.task,
            "task_reason": target.reason,
            "classes": target.counts,
            "labels": {str(c): data.labels[k] for k, c in keys.items() if k in data.labels},
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
        "warnings": _answered(profile.warnings, data),
        "notes": [*profile.notes, *_unanswered(profile, data)],
        "sha256": digest,
        "about": about,
    }


def _label_keys(profile: Profile) -> dict[str, Any]:
    """The classes by what `data.labels` calls them: true, not True."""
    classes = profile.target.classes or []
    return {str(c).lower() if isinstance(c, bool) else str(c): c for c in classes}


def _answered(warnings: list[TableWarning], data: Data) -> list[dict[str, Any]]:
    """The warnings, each with the reason for which the owner takes it, or None."""
    reasons = {(accept.column, accept.kind): accept.reason for accept in data.accept}
    return [
        warning.to_json() | {"accepted": reasons.get((warning.column, warning.kind))}
        for warning in warnings
    ]


def _unanswered(profile: Profile, data: Data) -> list[str]:
    """Settings that answer something the table does not ask."""
    said = {(warning.column, warning.kind) for warning in profile.warnings}
    classes = _label_keys(profile)
    unused = [
        f"`data.accept` takes {accept.kind!r} of {accept.column}, of which nothing warns."
        for accept in data.accept
        if (accept.column, accept.kind) not in said
    ]
    unused += [
        f"`data.labels` names {x!r}, which is no class." for x in data.labels if x not in classes
    ]
    return [f"{sentence} Correct the setting or take it out." for sentence in unused]


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
    for entry in [*report["notes"], *report["warnings"]]:
        answered = isinstance(entry, dict) and (entry["mended"] or entry["accepted"])
        logger.log(logging.INFO if answered else logging.WARNING, "%s", display.warning(entry))
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s %s: %s %s",
                finding["check"],
                "failed" if finding["status"] == "failed" else "warns",
                finding["detail"],
                finding["remedy"],
            )
