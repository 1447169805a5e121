"""Leak checks on pictures: copies across the split, and files that tell the class."""

from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier

from ..splitting.images import Sides
from .reading import Picture

Finding = dict[str, Any]
# Of the way from chance to certainty.
TELLING = 0.8
FILE_TRAITS = ("width", "height", "format")
MOST_NAMED = 3


def run(
    pictures: list[Picture],
    pairs: list[tuple[int, int]],
    sides: Sides,
    seed: int,
) -> list[Finding]:
    """All checks; each says what it saw.

    Parameters
    ----------
    pictures : list of Picture
    pairs : list of (int, int)
        Near-duplicates.
    sides : Sides
    seed : int
    """
    return [
        _across(pictures, pairs, sides),
        _contradictions(pictures, pairs),
        _telling_files(pictures, seed),
    ]


def _finding(check: str, status: str, detail: str, remedy: str = "") -> Finding:
    return {"check": check, "status": status, "columns": [], "detail": detail, "remedy": remedy}


def _across(pictures: list[Picture], pairs: list[tuple[int, int]], sides: Sides) -> Finding:
    tested = set(sides.test.tolist())
    crossing = [pair for pair in pairs if (pair[0] in tested) != (pair[1] in tested)]
    detail = (
        f"Pairs of pictures that look the same (perceptual hash, confirmed by thumbnails): "
        f"{len(pairs):,}; on both sides of the split: {len(crossing):,}."
    )
    if not crossing:
        return _finding("near-duplicates-across-split", "passed", detail)
    return _finding(
        "near-duplicates-across-split",
        "failed",
        f"{detail} The first: {_names(pictures, crossing)}.",
        "Remove the copies, or put what belongs together into one `data.group`.",
    )


def _contradictions(pictures: list[Picture], pairs: list[tuple[int, int]]) -> Finding:
    torn = [(i, j) for i, j in pairs if pictures[i].label != pictures[j].label]
    if not torn:
        detail = "No picture appears under two classes."
        return _finding("same-picture-two-classes", "passed", detail)
    return _finding(
        "same-picture-two-classes",
        "warning",
        f"Pairs that look the same and are of two classes: {len(torn):,}. {_names(pictures, torn)}.",
        "Look at them and correct the wrong label.",
    )


def _telling_files(pictures: list[Picture], seed: int) -> Finding:
    """Does a file's size or format give its class away, whatever it shows?"""
    y = np.array([picture.label for picture in pictures])
    formats = sorted({picture.traits["format"] for picture in pictures})
    x = np.array(
        [
            [
                formats.index(p.traits[name]) if name == "format" else p.traits[name]
                for name in FILE_TRAITS
            ]
            for p in pictures
        ],
        dtype=np.float64,
    )
    smallest = int(np.unique(y, return_counts=True)[1].min())
    tree = DecisionTreeClassifier(max_depth=6, random_state=seed)
    folds = StratifiedKFold(min(3, smallest), shuffle=True, random_state=seed)
    found = balanced_accuracy_score(y, cross_val_predict(tree, x, y, cv=folds))
    chance = 1 / len(np.unique(y))
    detail = (
        f"Width, height and format alone find {found:.0%} of the pictures of a class on average; "
        f"guessing finds {chance:.0%}."
    )
    if (found - chance) / (1 - chance) < TELLING:
        return _finding("file-tells-class", "passed", detail)
    return _finding(
        "file-tells-class",
        "warning",
        detail,
        "The classes seem to come from different sources. Bring all pictures to one size and "
        "format, or collect them in one way: a model may learn the source instead.",
    )


def _names(pictures: list[Picture], pairs: list[tuple[int, int]]) -> str:
    shown = [f"{pictures[i].file} and {pictures[j].file}" for i, j in pairs[:MOST_NAMED]]
    more = f", and {len(pairs) - MOST_NAMED:,} more" if len(pairs) > MOST_NAMED else ""
    return "; ".join(shown) + more
