"""What the data stage left: which pictures are on which side, and their classes."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project.files import read_json, write_json


@dataclass(frozen=True)
class Listing:
    """The pictures of one side of the split; they stay on disk.

    Attributes
    ----------
    root : Path
        The project's folder; the files are relative to it.
    classes : list of str
        In the order of their codes; with two, the second is the positive one.
    entries : list of dict
        `file`, `class`, `sha256` (of the file) and `group` of each picture.
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
        """What must not be on both sides of a fold; None if every picture stands alone."""
        groups = np.array([entry["group"] for entry in self.entries])
        return groups if len(np.unique(groups)) < len(groups) else None

    @property
    def positions(self) -> NDArray[np.intp]:
        """The rows as a rung is given them: it looks its features up."""
        return np.arange(len(self.entries))

    @property
    def task(self) -> str:
        """`binary` or `multiclass`."""
        return "binary" if len(self.classes) == 2 else "multiclass"

    def path(self, row: int) -> Path:
        """Where a picture lies."""
        return self.root / self.entries[row]["file"]

    def __len__(self) -> int:
        return len(self.entries)


def read_listing(root: Path, side: str) -> Listing:
    """`train` or `test`, as the data stage wrote it."""
    content = read_json(root / "data" / f"{side}.json", "data")
    return Listing(root, content["classes"], content["pictures"])


def write_listing(listing: Listing, side: str) -> None:
    """Write data/train.json or data/test.json."""
    content = {"classes": listing.classes, "pictures": listing.entries}
    write_json(listing.root / "data" / f"{side}.json", content)
