"""What the data stage left: the images of each subset, with their classes and groups."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project.files import read_json, write_json
from ..splitting.images import Split
from .scanning import ImageFile

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
        `file`, `class`, `sha256` (of the file), `group` and `traits` of each image.
    """

    root: Path
    classes: list[str]
    entries: list[dict[str, Any]]

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
    return ImageDataset(root, content["classes"], content["pictures"])


def write_datasets(
    root: Path, images: list[ImageFile], classes: list[str], groups: NDArray[np.intp], split: Split
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
                "traits": images[i].traits,
            }
            for i in rows
        ]
        write_json(root / "data" / f"{subset}.json", {"classes": classes, "pictures": entries})
        contents[subset] = [(entry["file"], entry["sha256"]) for entry in entries]
    return hashlib.sha256(json.dumps(contents).encode()).hexdigest()


def read_schema(root: Path) -> dict[str, Any]:
    """The classes, and how a model is shown an image: `target` and `image`."""
    content: dict[str, Any] = read_json(root / SCHEMA, "data")
    return content
