"""What the data stage left: the images of each subset, with their classes and groups."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..evaluation.intervals import Units
from ..project.errors import UserError
from ..project.files import read_json, write_json
from ..splitting.images import Split
from .scanning import ImageFile
from .settings import Data

SCHEMA = Path("data", "schema.json")


@dataclass(frozen=True)
class ImageDataset:
    """The images of one subset, `train` or `test`; they stay on disk.

    Attributes
    ----------
    root : Path
        The project's folder; the files are relative to it.
    classes : list of str
        In the order of their codes; with two, the second is the positive one.
    entries : list of dict
        `file`, `class`, `sha256` (of the file), `group`, `position`, `weight` and `traits` of each image.
    block : int or None
        How many consecutive files stay together, and are the groups.
    """

    root: Path
    classes: list[str]
    entries: list[dict[str, Any]]
    block: int | None = None

    @cached_property
    def y(self) -> NDArray[np.int64]:
        """Class codes, shape (n,)."""
        codes = {name: code for code, name in enumerate(self.classes)}
        return np.array([codes[entry["class"]] for entry in self.entries], dtype=np.int64)

    @cached_property
    def groups(self) -> NDArray[np.str_] | None:
        """What must not be on both sides of a fold; None if every image stands alone."""
        groups = np.array([entry["group"] for entry in self.entries])
        return groups if len(np.unique(groups)) < len(groups) else None

    @property
    def units(self) -> Units:
        """What hangs together, as the split kept it: blocks or groups, or single images."""
        found = Units.of(len(self), self.groups, row="image")
        return Units("blocks", found.codes) if self.block and self.groups is not None else found

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """How much each image counts in training: how certain its label is, shape (n,)."""
        return np.array([entry.get("weight", 1.0) for entry in self.entries])

    @cached_property
    def numbers(self) -> NDArray[np.intp]:
        """Where each image stands among all files, in the order of their numbers, shape (n,)."""
        return np.array([entry["position"] for entry in self.entries], dtype=np.intp)

    @property
    def positions(self) -> NDArray[np.intp]:
        """The rows as a candidate is given them: it looks the features up, shape (n,)."""
        return np.arange(len(self.entries))

    @property
    def task(self) -> str:
        """`binary` or `multiclass`."""
        return "binary" if len(self.classes) == 2 else "multiclass"

    def path(self, row: int) -> Path:
        """Where an image lies."""
        return self.root / self.entries[row]["file"]

    def __len__(self) -> int:
        return len(self.entries)


def read_dataset(root: Path, subset: str) -> ImageDataset:
    """`train` or `test`, as the data stage wrote it."""
    content = read_json(root / "data" / f"{subset}.json", "data")
    return ImageDataset(root, content["classes"], content["pictures"], content.get("block"))


def write_datasets(
    root: Path,
    images: list[ImageFile],
    classes: list[str],
    groups: NDArray[np.intp],
    split: Split,
    data: Data,
) -> str:
    """Write data/train.json and data/test.json.

    Returns
    -------
    str
        SHA-256 of the names and contents of all files, by subset.
    """
    contents = {}
    for subset, rows in (("train", split.train), ("test", split.test)):
        entries = [
            {
                "file": images[i].file,
                "class": images[i].label,
                "sha256": images[i].sha256,
                "group": int(groups[i]),
                "position": images[i].position,
                **_weight(images[i], data.certainty),
                "traits": images[i].traits,
            }
            for i in rows
        ]
        content = {"classes": classes, "block": data.block_size, "pictures": entries}
        write_json(root / "data" / f"{subset}.json", content)
        contents[subset] = [(entry["file"], entry["sha256"]) for entry in entries]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def _weight(image: ImageFile, certainty: str | None) -> dict[str, float]:
    if certainty is None:
        return {}
    given = image.traits.get(certainty, "")
    try:
        weight = float(given)
    except (TypeError, ValueError):
        weight = -1.0
    if not 0 < weight <= 1:
        raise UserError(
            f"`data.certainty` names the column {certainty!r}, which has {given!r} for {image.file}; it "
            "holds numbers above 0 and up to 1: how likely the label is right."
        )
    return {"weight": weight}


def read_schema(root: Path) -> dict[str, Any]:
    """The classes, and how a model is shown an image: `target` and `image`."""
    content: dict[str, Any] = read_json(root / SCHEMA, "data")
    return content
