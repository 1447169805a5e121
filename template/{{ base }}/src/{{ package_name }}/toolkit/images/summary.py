"""What the data stage reports of the images: `reports/data.json`, and the lines on the console."""

import logging
from collections import Counter
from typing import Any

import numpy as np

from ..splitting.images import Split
from .scanning import ImageFile, Scan

logger = logging.getLogger(__name__)

FEW = 100
MISSING_POLICY = (
    "A file that cannot be decoded is excluded and named; nothing else can be missing from an image. "
    "Every image is turned upright, laid on white where it is transparent, and resized to a square."
)


def summarize(
    scan: Scan,
    images: list[ImageFile],
    schema: dict[str, Any],
    split: Split,
    findings: list[dict[str, Any]],
    digest: str,
    source: str,
    about: dict[str, str] | None,
) -> dict[str, Any]:
    """The content of `reports/data.json`.

    Parameters
    ----------
    scan : Scan
        All that was found.
    images : list of ImageFile
        The images that are used.
    schema : dict
        The content of `data/schema.json`.
    split : Split
    findings : list of dict
        Of the leak checks.
    digest : str
        SHA-256 of the training and test images.
    source : str
        What the source is called.
    about : dict or None
        What the sample says of itself.
    """
    counts, target = Counter(image.label for image in images), schema["target"]
    dropped = {
        "cannot be decoded": len(scan.unreadable),
        "beyond data.limit": scan.beyond,
        "shown in the given test set too": len(images) - len(split.train) - len(split.test),
    }
    return {
        "source": source,
        "row": "image",
        "case": "image",
        "rows_read": len(scan.images) + len(scan.unreadable) + scan.beyond,
        "rows_used": len(split.train) + len(split.test),
        "rows_dropped": {why: count for why, count in dropped.items() if count},
        "columns": [_column(images, name) for name in images[0].traits],
        "target": {
            "name": target["name"],
            "task": target["task"],
            "classes": {label: counts[label] for label in target["classes"]},
            "positive": target["positive"],
            "min": None,
            "max": None,
            "mean": None,
            "missing": 0,
        },
        "missing_policy": MISSING_POLICY,
        "unreadable": scan.unreadable,
        "layout": scan.told,
        "split": {
            "kind": split.kind,
            "reason": split.reason,
            "train": {"rows": len(split.train)},
            "test": {"rows": len(split.test)},
        },
        "warnings": _warnings(scan, {label: counts[label] for label in target["classes"]}),
        "about": about or _about(target["classes"], source),
        "leaks": findings,
        "sha256": digest,
    }


def _warnings(scan: Scan, counts: dict[str, int]) -> list[str]:
    said = [f"{each['file']}: {each['reason']}" for each in scan.unreadable[:20]]
    if len(scan.unreadable) > 20:
        said.append(f"... and {len(scan.unreadable) - 20:,} more that cannot be decoded.")
    odd = [(image.file, sentence) for image in scan.images for sentence in image.warnings]
    said += [f"{file}: {sentence}" for file, sentence in odd[:20]]
    if len(odd) > 20:
        said.append(f"... and {len(odd) - 20:,} more that are read with a warning.")
    if scan.lost:
        said.append(
            "Not used as classes, since these folders hold no images: "
            f"{', '.join(sorted(scan.lost)[:10])}."
        )
    if scan.others:
        more = f" and {len(scan.others) - 5:,} more" if len(scan.others) > 5 else ""
        said.append(
            "Not read, since they are no images by their names, or have no class: "
            f"{', '.join(scan.others[:5])}{more}."
        )
    few = [f"{label} ({count})" for label, count in counts.items() if count < FEW]
    if few:
        said.append(
            f"Classes with fewer than {FEW} images are hard to learn: {', '.join(few[:10])}."
        )
    return said


def _column(images: list[ImageFile], name: str) -> dict[str, Any]:
    """A trait of the files; shown to the reader, and errors are grouped by it."""
    values = [image.traits[name] for image in images]
    numeric = not isinstance(values[0], str)
    return {
        "name": name,
        "kind": "number" if numeric else "category",
        "missing_share": 0.0,
        "distinct": len(set(values)),
        "min": min(values) if numeric else None,
        "max": max(values) if numeric else None,
        "mean": float(np.mean(values)) if numeric else None,
        "top": [] if numeric else [list(pair) for pair in Counter(values).most_common(5)],
        "used": False,
        "reason": "describes the file; models are not given it",
    }


def _about(classes: list[str], source: str) -> dict[str, str]:
    more = f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    named = ", ".join(classes[:10]) + more
    return {
        "problem": f"Tell which of {len(classes)} classes an image of {source} shows: {named}.",
        "approach": (
            "The candidates differ in what they see of an image: its pixels, its edges, what a small "
            "network learns from these images, or what a network pretrained on photographs has "
            "learned."
        ),
    }


def log(report: dict[str, Any]) -> None:
    """Tell on the console how the images are split, and what was found."""
    split = report["split"]
    logger.info(
        "%s classes; split %s: %s training images, %s test images.",
        len(report["target"]["classes"]),
        split["kind"],
        f"{split['train']['rows']:,}",
        f"{split['test']['rows']:,}",
    )
    for sentence in report["layout"]:
        logger.info("%s", sentence)
    for sentence in report["warnings"]:
        logger.warning("%s", sentence)
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s: %s %s", finding["check"], finding["detail"], finding["remedy"]
            )
