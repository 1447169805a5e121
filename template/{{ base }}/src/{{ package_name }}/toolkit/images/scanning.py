"""Look at every image once: can it be read, what is it like, and which images look the same?"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ..project.errors import UserError
from .decoding import SUFFIXES, decode, is_grey, sniff
from .parallel import map_in_order

HASH_SIDE = 8
EVEN = 6
THUMB = 16


@dataclass(frozen=True)
class ImageFile:
    """What the scan found out about one file.

    Attributes
    ----------
    file : str
        Relative to the project's folder, with forward slashes.
    label : str
        Its class: the name of the top folder it lies in.
    sha256 : str
        Of the file's bytes.
    hash : int
        Difference hash of 64 bits, each of which says whether a region is brighter than its left
        neighbour: alike for images that look alike, whatever their size and compression.
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
class Scan:
    """What lies in a folder of images.

    Attributes
    ----------
    images : list of ImageFile
        All that can be read, in the order of their names.
    unreadable : list of dict
        `file` and `reason` of each that cannot.
    others : list of str
        Files whose names do not end as those of images do.
    empty : list of str
        Class folders without an image that can be read.
    """

    images: list[ImageFile]
    unreadable: list[dict[str, str]]
    others: list[str]
    empty: list[str]


def files_of(folder: Path) -> tuple[list[Path], list[str]]:
    """Files under the class folders whose names end as those of images do, and the others.

    Raises
    ------
    UserError
        If there is no folder, or no class folder in it.
    """
    if not folder.is_dir():
        raise UserError(
            f"`data.path` is {str(folder)!r}, which is not a folder. Put your images into "
            f"{folder}/<class>/, one folder a class."
        )
    inside = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    if not any(path.is_dir() for path in inside):
        raise UserError(
            f"{folder}/ holds no folders. Put the images of each class into a folder named for "
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


def scan(root: Path, folder: Path, max_megapixels: float) -> Scan:
    """Look at every image under `folder`; a file that cannot be read is excluded, and named.

    Parameters
    ----------
    root : Path
        The project's folder, which the files' names are relative to.
    folder : Path
        Holds one folder a class.
    max_megapixels : float
        Larger ones are excluded.
    """
    paths, others = files_of(folder)
    result = Scan([], [], others, [])
    scanned = map_in_order(lambda path: _scan_one(root, folder, path, max_megapixels), paths)
    bar = tqdm(scanned, "reading images", len(paths), unit="img")
    for path, found in zip(paths, bar, strict=True):
        if isinstance(found, ImageFile):
            result.images.append(found)
        else:
            name = path.relative_to(folder).as_posix()
            result.unreadable.append({"file": name, "reason": found})
    known = {image.label for image in result.images}
    result.empty = [name for name in class_folders(folder) if name not in known]
    return result


def _scan_one(root: Path, folder: Path, path: Path, max_megapixels: float) -> ImageFile | str:
    try:
        content = path.read_bytes()
        image = decode(content, max_megapixels)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    except UserError as error:
        return str(error)
    grey = image.convert("L")
    thumb = np.asarray(grey.resize((THUMB, THUMB), Image.Resampling.BOX)) / np.float32(255)
    return ImageFile(
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
    """Size, light and sharpness of an image; errors are grouped by them.

    Brightness and contrast are the mean and the standard deviation of the grey values from 0 to 1,
    sharpness the mean length of their gradient, both at 64 by 64 pixels.
    """
    small = np.asarray(image.convert("L").resize((64, 64)), dtype=np.float32) / 255
    dy, dx = np.gradient(small)
    return {
        "width": float(image.width),
        "height": float(image.height),
        "brightness": float(small.mean()),
        "contrast": float(small.std()),
        "sharpness": float(np.hypot(dx, dy).mean()),
    }
