"""Look at every picture once: can it be read, what is it like, has it been seen before?"""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ..project.errors import UserError
from .decoding import SUFFIXES, decode, is_grey, sniff

HASH_SIDE = 8
EVEN = 6
THUMB = 16


@dataclass(frozen=True)
class Picture:
    """What one look at a file told.

    Attributes
    ----------
    file : str
        Relative to the project's folder, with forward slashes.
    label : str
        Its class: the folder under the root of the pictures.
    sha256 : str
        Of the file's bytes.
    hash : int
        64 bits of which neighbouring region is brighter ("dHash"): alike for pictures that look
        alike, whatever their size and compression.
    thumb : ndarray of shape (16, 16), float32
        Grey, 0 to 1.
    traits : dict
        Width, height, brightness and the like.
    grey : bool
        Whether it has no colour.
    """

    file: str
    label: str
    sha256: str
    hash: int
    thumb: NDArray[np.floating]
    traits: dict[str, Any]
    grey: bool


@dataclass
class Looked:
    """All pictures that can be read, in the order of their names, and what was set aside.

    `empty` names the class folders without a picture that can be read.
    """

    pictures: list[Picture]
    unreadable: list[dict[str, str]]
    others: list[str]
    empty: list[str]


def files_of(folder: Path) -> tuple[list[Path], list[str]]:
    """Files under the class folders that look like pictures by their ending, and the others.

    Raises
    ------
    UserError
        If there is no folder, or no class folder in it.
    """
    if not folder.is_dir():
        raise UserError(
            f"`data.path` is {str(folder)!r}, which is no folder. Put your pictures into "
            f"{folder}/<class>/, one folder a class."
        )
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    if not any(path.is_dir() for path in inside):
        raise UserError(
            f"{folder}/ holds no folders. Put the pictures of each class into a folder named for "
            f"it: {folder}/cat/1.jpg, {folder}/dog/2.jpg."
        )
    found, others = [], [path.name for path in inside if path.is_file()]
    for path in sorted(folder.glob("*/**/*")):
        parts = path.relative_to(folder).parts
        if not path.is_file() or any(part.startswith(".") for part in parts):
            continue
        if path.suffix.lower() in SUFFIXES:
            found.append(path)
        else:
            others.append("/".join(parts))
    return found, others


def class_folders(folder: Path) -> list[str]:
    """Names of the folders that stand for a class."""
    return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))


def look(root: Path, folder: Path, max_megapixels: float) -> Looked:
    """Look at every picture under `folder`; a file that cannot be read is set aside, and named.

    Parameters
    ----------
    root : Path
        The project's folder, which the files' names are relative to.
    folder : Path
        Holds one folder a class.
    max_megapixels : float
        Larger ones are set aside.
    """
    paths, others = files_of(folder)
    result = Looked([], [], others, [])
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        seen = _in_blocks(pool, paths, lambda path: _one(root, folder, path, max_megapixels))
        for path, answer in zip(paths, tqdm(seen, "looking", len(paths), unit="img"), strict=True):
            if isinstance(answer, Picture):
                result.pictures.append(answer)
            else:
                name = path.relative_to(folder).as_posix()
                result.unreadable.append({"file": name, "reason": answer})
    known = {picture.label for picture in result.pictures}
    result.empty = [name for name in class_folders(folder) if name not in known]
    return result


def _in_blocks(pool: ThreadPoolExecutor, items: list[Path], work: Any) -> Iterable[Any]:
    for start in range(0, len(items), 256):
        yield from pool.map(work, items[start : start + 256])


def _one(root: Path, folder: Path, path: Path, max_megapixels: float) -> Picture | str:
    try:
        content = path.read_bytes()
        image = decode(content, max_megapixels)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    except UserError as error:
        return str(error)
    grey = image.convert("L")
    thumb = np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.BOX)) / np.float32(255)
    return Picture(
        path.relative_to(root).as_posix(),
        path.relative_to(folder).parts[0],
        hashlib.sha256(content).hexdigest(),
        _difference_hash(grey),
        thumb,
        {**traits(image), "file_kilobytes": len(content) / 1000, "format": sniff(content)},
        is_grey(image),
    )


def _difference_hash(grey: Image.Image) -> int:
    small = grey.resize((HASH_SIDE + 1, HASH_SIDE), Image.Resampling.BOX)
    values = np.asarray(small, dtype=np.int16)
    # On an even ground, noise and compression would decide which neighbour is brighter.
    bits = np.packbits((values[:, 1:] > values[:, :-1] + EVEN).ravel())
    return int.from_bytes(bits.tobytes(), "big")


def traits(image: Image.Image) -> dict[str, float]:
    """What a photographer would say of a picture, as numbers; errors are grouped by them."""
    small = np.asarray(image.convert("L").resize((64, 64)), dtype=np.float32) / 255
    dy, dx = np.gradient(small)
    return {
        "width": float(image.width),
        "height": float(image.height),
        "brightness": float(small.mean()),
        "contrast": float(small.std()),
        "sharpness": float(np.hypot(dx, dy).mean()),
    }
