"""Which images are used, and how models are shown them: classes, limit, size and colours."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from ..project.errors import UserError
from .scanning import ImageFile, Scan
from .settings import Images


def require_classes(scan: Scan, folder: Path) -> None:
    """Refuse images that cannot be learnt from and tested on.

    Raises
    ------
    UserError
        If there are no images, fewer than two classes, or a class with a single image.
    """
    counts = Counter(image.label for image in scan.images)
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


def limit_images(images: list[ImageFile], limit: int | None, seed: int) -> list[ImageFile]:
    """At most `limit` images, drawn from the classes in turn so that none is lost."""
    if limit is None or limit >= len(images):
        return images
    order = np.random.default_rng(seed).permutation(len(images))
    turn: Counter[str] = Counter()
    ranked = []
    for i in order:
        label = images[i].label
        ranked.append((turn[label], int(i)))
        turn[label] += 1
    return [images[i] for i in sorted(i for _, i in sorted(ranked)[:limit])]


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
    shorter sides, between 16 and 64 pixels and a multiple of 8.
    """
    size, colour = settings.size, settings.colour
    if size == "auto":
        shorter = np.median([min(each.traits["width"], each.traits["height"]) for each in images])
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
            "mode": "L" if colour == "grey" else "RGB",
            "max_megapixels": settings.max_megapixels,
        },
        "columns": [],
    }
