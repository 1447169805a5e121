"""The data stage: look at every picture, name what cannot be used, set the test pictures aside."""

import hashlib
import json
import logging
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .toolkit.images import datasheet, hub, leaks, sample
from .toolkit.project.config import Params
from .toolkit.images.duplicates import groups_of, near_duplicates
from .toolkit.project.errors import UserError
from .toolkit.project.files import write_json
from .toolkit.images.dataset import Listing, write_listing
from .toolkit.images.reading import Looked, Picture, look
from .toolkit.splitting.images import Sides, set_aside

logger = logging.getLogger(__name__)

SAMPLE = Path("data", "sample")
HUB = Path("data", "hub")
FEW = 100
MISSING_POLICY = (
    "A file that cannot be decoded is set aside and named; nothing else can be missing from a "
    "picture. Every picture is turned upright, laid on white where it is transparent, and "
    "squeezed into a square."
)


def run(root: Path, params: Params) -> dict[str, Any]:
    """Run the stage; return the contents of reports/data.json.

    Writes data/train.json, data/test.json, data/schema.json, reports/data.json and the generated
    block of DATA.md, each whole. The pictures stay where they are.

    Raises
    ------
    UserError
        If the pictures cannot be learnt from; the message says why and what to do.
    """
    folder, source = _folder(root, params)
    looked = look(root, folder, params.images.max_megapixels)
    read = len(looked.pictures) + len(looked.unreadable)
    _refuse(looked, folder)
    pictures = _limited(looked.pictures, params.data.limit, params.seed)
    pairs = near_duplicates(pictures)
    groups = _grouped(pictures, pairs, params.data.group, folder.relative_to(root).as_posix())
    classes = _classes(pictures, params.data.positive)
    codes = np.array([classes.index(picture.label) for picture in pictures])
    sides = set_aside(codes, groups, params.split.test_size, params.seed)
    listings = {
        side: Listing(root, classes, [_entry(pictures[i], groups[i]) for i in rows])
        for side, rows in (("train", sides.train), ("test", sides.test))
    }
    for side, listing in listings.items():
        write_listing(listing, side)
    findings = leaks.run(pictures, pairs, sides, params.seed)
    schema = _schema(pictures, classes, params)
    write_json(root / "data" / "schema.json", schema)
    report = _report(looked, pictures, classes, sides, read, source, params)
    report["about"] = sample.ABOUT if params.data.source == "sample" else _about(classes, source)
    report["leaks"] = findings
    report["sha256"] = _digest(listings)
    write_json(root / "reports" / "data.json", report)
    datasheet.refresh(root, report, params.data.source)
    _log(report)
    return report


def _folder(root: Path, params: Params) -> tuple[Path, str]:
    # The pipeline expects the folder of the sample, empty or not.
    (root / SAMPLE).mkdir(parents=True, exist_ok=True)
    if params.data.source == "sample":
        sample.write(root / SAMPLE)
        return root / SAMPLE, sample.SOURCE
    shutil.rmtree(root / SAMPLE)
    (root / SAMPLE).mkdir()
    if params.data.source == "hub":
        hub.fetch(params.data.path, root / HUB)
        return root / HUB, f"the Hugging Face data set {params.data.path}"
    folder = root / params.data.path
    if not folder.resolve().is_relative_to(root.resolve()):
        raise UserError(f"`data.path` is {params.data.path!r}: name a folder inside the project.")
    return folder, params.data.path


def _refuse(looked: Looked, folder: Path) -> None:
    counts = Counter(picture.label for picture in looked.pictures)
    if not counts:
        reason = f" The first: {looked.unreadable[0]}." if looked.unreadable else ""
        raise UserError(f"No picture under {folder.name}/ can be read.{reason}")
    if len(counts) < 2:
        raise UserError(
            f"All pictures are of one class, {next(iter(counts))!r}: there is nothing to tell "
            f"apart. Add a second folder beside {folder.name}/{next(iter(counts))}/."
        )
    lone = [label for label, count in counts.items() if count < 2]
    if lone:
        raise UserError(
            f"{_named(lone)} one picture that can be read: it cannot be learnt from and tested on. "
            "Add pictures, or remove the folder."
        )


def _named(labels: list[str]) -> str:
    names = ", ".join(repr(label) for label in labels[:5])
    more = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return f"The class {names} has only" if len(labels) == 1 else f"{names}{more} have only"


def _limited(pictures: list[Picture], limit: int | None, seed: int) -> list[Picture]:
    """At most `limit` pictures, the classes in turn so that none is lost."""
    if limit is None or limit >= len(pictures):
        return pictures
    order = np.random.default_rng(seed).permutation(len(pictures))
    turn: Counter[str] = Counter()
    ranked = []
    for i in order:
        label = pictures[i].label
        ranked.append((turn[label], int(i)))
        turn[label] += 1
    return [pictures[i] for i in sorted(i for _, i in sorted(ranked)[:limit])]


def _grouped(
    pictures: list[Picture], pairs: list[tuple[int, int]], pattern: str | None, folder: str
) -> NDArray[np.intp]:
    """Near-duplicates share a group, and pictures whose names have the same part by `pattern`."""
    joined = list(pairs)
    if pattern is not None:
        try:
            expression = re.compile(pattern)
        except re.error as error:
            raise UserError(f"`data.group` is no regular expression: {error}.") from error
        first: dict[str, int] = {}
        for i, picture in enumerate(pictures):
            name = picture.file.removeprefix(f"{folder}/")
            match = expression.search(name)
            if match is None:
                raise UserError(f"`data.group`: {pattern!r} does not match {name!r}.")
            key = match.group(1 if expression.groups else 0)
            joined.append((first.setdefault(key, i), i))
    return groups_of(len(pictures), joined)


def _classes(pictures: list[Picture], positive: str | None) -> list[str]:
    classes = sorted({picture.label for picture in pictures})
    if positive is None:
        return classes
    if len(classes) != 2 or positive not in classes:
        raise UserError(
            f"`data.positive` is {positive!r}; it names one of two classes. Here are: "
            f"{', '.join(classes[:20])}."
        )
    return [*(label for label in classes if label != positive), positive]


def _entry(picture: Picture, group: int) -> dict[str, Any]:
    return {
        "file": picture.file,
        "class": picture.label,
        "sha256": picture.sha256,
        "group": int(group),
        "traits": picture.traits,
    }


def _schema(pictures: list[Picture], classes: list[str], params: Params) -> dict[str, Any]:
    """How pictures are seen, and the classes; the bundle keeps it."""
    size, colour = params.images.size, params.images.colour
    if size == "auto":
        shorter = np.median([min(p.traits["width"], p.traits["height"]) for p in pictures])
        size = int(np.clip(8 * round(float(shorter) / 8), 16, 64))
    if colour == "auto":
        colour = "grey" if all(picture.grey for picture in pictures) else "rgb"
    task = "binary" if len(classes) == 2 else "multiclass"
    return {
        "target": {
            "name": "class",
            "task": task,
            "classes": classes,
            "positive": classes[1] if task == "binary" else None,
        },
        "image": {
            "side": size,
            "mode": "L" if colour == "grey" else "RGB",
            "max_megapixels": params.images.max_megapixels,
        },
        "columns": [],
    }


def _report(
    looked: Looked,
    pictures: list[Picture],
    classes: list[str],
    sides: Sides,
    read: int,
    source: str,
    params: Params,
) -> dict[str, Any]:
    counts = Counter(picture.label for picture in pictures)
    few = {label: counts[label] for label in classes if counts[label] < FEW}
    dropped = {
        "cannot be decoded": len(looked.unreadable),
        "beyond data.limit": len(looked.pictures) - len(pictures),
    }
    warnings = [f"{each['file']}: {each['reason']}" for each in looked.unreadable[:20]]
    if len(looked.unreadable) > 20:
        warnings.append(f"... and {len(looked.unreadable) - 20:,} more that cannot be decoded.")
    if looked.empty:
        warnings.append(
            f"No class, since they hold no picture that can be read: {', '.join(looked.empty[:10])}."
        )
    if looked.others:
        warnings.append(
            f"Not read, since their names do not end like those of pictures: "
            f"{', '.join(looked.others[:5])}"
            + (f" and {len(looked.others) - 5:,} more." if len(looked.others) > 5 else ".")
        )
    if few:
        named = ", ".join(f"{label} ({count})" for label, count in list(few.items())[:10])
        warnings.append(f"Classes with fewer than {FEW} pictures are hardly learnt: {named}.")
    return {
        "source": source,
        "rows_read": read,
        "rows_used": len(pictures),
        "rows_dropped": {why: count for why, count in dropped.items() if count},
        "columns": [_column(pictures, name) for name in pictures[0].traits],
        "target": {
            "name": "class",
            "task": "binary" if len(classes) == 2 else "multiclass",
            "classes": {label: counts[label] for label in classes},
            "positive": classes[1] if len(classes) == 2 else None,
            "min": None,
            "max": None,
            "mean": None,
            "missing": 0,
        },
        "missing_policy": MISSING_POLICY,
        "unreadable": looked.unreadable,
        "split": {
            "kind": sides.kind,
            "reason": sides.reason,
            "train": {"rows": len(sides.train)},
            "test": {"rows": len(sides.test)},
        },
        "warnings": warnings,
    }


def _column(pictures: list[Picture], name: str) -> dict[str, Any]:
    """A trait of the files; shown to the reader, and errors are grouped by it."""
    values = [picture.traits[name] for picture in pictures]
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
        "reason": "describes the file, no model is given it",
    }


def _about(classes: list[str], source: str) -> dict[str, str]:
    named = ", ".join(classes[:10]) + (
        f" and {len(classes) - 10} more" if len(classes) > 10 else ""
    )
    return {
        "problem": f"Tell which of {len(classes)} classes a picture of {source} shows: {named}.",
        "approach": (
            "Each rung sees a picture in its own way: as points, as edges, as a small network sees "
            "it, or as a network trained on photographs does."
        ),
    }


def _digest(listings: dict[str, Listing]) -> str:
    content = {
        side: [(e["file"], e["sha256"]) for e in lst.entries] for side, lst in listings.items()
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _log(report: dict[str, Any]) -> None:
    split = report["split"]
    logger.info(
        "%s classes; split %s: %s training pictures, %s test pictures.",
        len(report["target"]["classes"]),
        split["kind"],
        f"{split['train']['rows']:,}",
        f"{split['test']['rows']:,}",
    )
    for sentence in report["warnings"]:
        logger.warning("%s", sentence)
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s: %s %s", finding["check"], finding["detail"], finding["remedy"]
            )
