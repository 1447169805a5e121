"""Which images are used, and how models are shown them: classes, limit, size and colours."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..project.errors import UserError
from .scanning import ImageFile, Scan
from .settings import Images

# Files that people leave beside images.
NOTES = frozenset({".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html"})


def require_classes(scan: Scan, folder: Path) -> None:
    """Refuse images that cannot be learnt from and tested on.

    Raises
    ------
    UserError
        If there are no images, a class lost all of its own, there are fewer than two classes, or a class
        with a single image.
    """
    counts = Counter(image.label for image in scan.images)
    _refuse_lost(scan)
    if not counts:
        reason = f" The first: {scan.unreadable[0]}." if scan.unreadable else ""
        raise UserError(f"No image under {folder.name}/ can be read.{reason}")
    if len(counts) < 2:
        only = next(iter(counts))
        raise UserError(
            f"All images are of one class, {only!r}: there is nothing to tell apart. Add a second "
            f"folder beside {folder.name}/{only}/."
        )
    lone = [repr(label) for label, count in counts.items() if count < 2]
    if lone:
        more = f" and {len(lone) - 5} more" if len(lone) > 5 else ""
        raise UserError(
            f"Only one image can be read of each of these classes: {', '.join(lone[:5])}{more}. A "
            "model cannot be trained and tested on one image of a class. Add images, or remove the "
            "folder."
        )


def _refuse_lost(scan: Scan) -> None:
    """A class of which nothing can be read would be missing from the model in silence."""
    for label, held in scan.lost.items():
        if held.total() > sum(held[suffix] for suffix in NOTES):
            why = next((each for each in scan.unreadable if label in each["file"].split("/")), None)
            raise UserError(
                f"None of the {held.total():,} files of class {label!r} can be read as an image "
                f"({', '.join(suffix or 'no suffix' for suffix, _ in held.most_common(3))}). "
                + (f"The first: {why['file']}: {why['reason']} " if why else "")
                + "Convert them, or take the folder away."
            )


def ordered_classes(images: list[ImageFile], positive: str | None) -> list[str]:
    """The names of the classes in the order of their codes, the positive one of two last.

    Raises
    ------
    UserError
        If `positive` does not name one of two classes.
    """
    classes = sorted({image.label for image in images})
    if positive is None:
        return classes
    if len(classes) != 2 or positive not in classes:
        raise UserError(
            f"`data.positive` is {positive!r}; it names one of two classes. The classes are: "
            f"{', '.join(classes[:20])}."
        )
    return [*(label for label in classes if label != positive), positive]


def settle(images: list[ImageFile], classes: list[str], settings: Images) -> dict[str, Any]:
    """The content of `data/schema.json`: the classes, and how a model is shown an image.

    `auto` is settled here, from the images, and nowhere else: the size is the median of their
    shorter sides, between 16 and 64 pixels and a multiple of 8. A pretrained network is shown 224
    pixels, or 300 where they have so many.
    """
    size, colour = settings.size, settings.colour
    shorter = np.median([min(each.traits["width"], each.traits["height"]) for each in images])
    if size == "auto":
        size = int(np.clip(8 * round(float(shorter) / 8), 16, 64))
    if colour == "auto":
        colour = "grey" if all(image.grey for image in images) else "rgb"
    binary = len(classes) == 2
    return {
        "target": {
            "name": "class",
            "task": "binary" if binary else "multiclass",
            "classes": classes,
            "positive": classes[1] if binary else None,
        },
        "image": {
            "side": size,
            "network_side": 300 if shorter >= 300 else 224,
            "mode": "L" if colour == "grey" else "RGB",
            "max_megapixels": settings.max_megapixels,
        },
        "columns": [],
    }
