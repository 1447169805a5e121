"""Leak checks on images: copies across the split, and files that give their class away."""

from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from ..splitting.images import Split
from .scanning import ImageFile

Finding = dict[str, Any]
# Of the way from chance to certainty.
TELLING = 0.8
FILE_TRAITS = ("width", "height", "format")
MOST_NAMED = 3


def run(
    images: list[ImageFile],
    pairs: list[tuple[int, int]],
    split: Split,
    seed: int,
) -> list[Finding]:
    """All checks; each says what it saw.

    Parameters
    ----------
    images : list of ImageFile
    pairs : list of (int, int)
        Near-duplicates.
    split : Split
    seed : int
    """
    return [
        _across(images, pairs, split),
        _contradictions(images, pairs),
        _telling_files(images, seed),
    ]


def _finding(check: str, status: str, detail: str, remedy: str = "") -> Finding:
    return {"check": check, "status": status, "columns": [], "detail": detail, "remedy": remedy}


def _across(images: list[ImageFile], pairs: list[tuple[int, int]], split: Split) -> Finding:
    tested = set(split.test.tolist())
    crossing = [pair for pair in pairs if (pair[0] in tested) != (pair[1] in tested)]
    detail = (
        f"Pairs of images that look the same (by details of their own, once aligned): "
        f"{len(pairs):,}; on both sides of the split: {len(crossing):,}."
    )
    if not crossing:
        return _finding("near-duplicates-across-split", "passed", detail)
    return _finding(
        "near-duplicates-across-split",
        "failed",
        f"{detail} The first: {_names(images, crossing)}.",
        "Remove the copies, or name by `data.group` what belongs together.",
    )


def _contradictions(images: list[ImageFile], pairs: list[tuple[int, int]]) -> Finding:
    torn = [(i, j) for i, j in pairs if images[i].label != images[j].label]
    if not torn:
        detail = "No image appears under two classes."
        return _finding("same-picture-two-classes", "passed", detail)
    return _finding(
        "same-picture-two-classes",
        "warning",
        f"Pairs that look the same and have two classes: {len(torn):,}. {_names(images, torn)}.",
        "Look at them, and correct the wrong label.",
    )


def _telling_files(images: list[ImageFile], seed: int) -> Finding:
    """Whether a file's size or format gives its class away, whatever it shows."""
    y = np.array([image.label for image in images])
    formats = sorted({image.traits["format"] for image in images})
    x = np.array(
        [
            [
                formats.index(image.traits[name]) if name == "format" else image.traits[name]
                for name in FILE_TRAITS
            ]
            for image in images
        ],
        dtype=np.float64,
    )
    smallest = int(np.unique(y, return_counts=True)[1].min())
    tree = DecisionTreeClassifier(max_depth=6, random_state=seed)
    folds = StratifiedKFold(min(3, smallest), shuffle=True, random_state=seed)
    found = balanced_accuracy_score(y, cross_val_predict(tree, x, y, cv=folds))
    chance = 1 / len(np.unique(y))
    detail = (
        f"Width, height and format alone reach a balanced accuracy of {found:.0%}; guessing reaches "
        f"{chance:.0%}."
    )
    if (found - chance) / (1 - chance) < TELLING:
        return _finding("file-tells-class", "passed", detail)
    return _finding(
        "file-tells-class",
        "warning",
        detail,
        "The classes seem to come from different sources, and a model may learn the source instead. "
        "Convert all images to one size and format, or collect them in one way.",
    )


def _names(images: list[ImageFile], pairs: list[tuple[int, int]]) -> str:
    shown = [f"{images[i].file} and {images[j].file}" for i, j in pairs[:MOST_NAMED]]
    more = f", and {len(pairs) - MOST_NAMED:,} more" if len(pairs) > MOST_NAMED else ""
    return "; ".join(shown) + more
