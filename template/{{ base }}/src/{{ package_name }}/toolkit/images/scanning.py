"""Look at every image once: can it be read, what is it like, and which images look the same?"""

import hashlib
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageStat
from tqdm import tqdm

from ..project.errors import UserError
from .decoding import decode_and_warn, is_grey, sniff
from .layouts import Placed, recognise
from .likeness import SIDE
from .parallel import map_in_order
from .settings import Data


@dataclass(frozen=True)
class ImageFile:
    """What the scan found out about one file.

    Attributes
    ----------
    file : str
        Relative to the project's folder, with forward slashes.
    label : str
        Its class, as the layout of the folder gives it.
    subset : str or None
        `train` or `test`, if the layout says so.
    sha256 : str
        Of the file's bytes.
    look : ndarray of shape (64, 64), uint16
        Grey, in 256ths of a level of 0 to 255: near-duplicates are found by it.
    tint : tuple of float
        Means of red less green and of blue less green, of 255.
    traits : dict
        Width, height, brightness and the like.
    grey : bool
        Whether it has no colour.
    position : int
        Among all files of the folder, in the order of their numbers.
    warnings : list of str
        What a reader should know of the file.
    """

    file: str
    label: str
    subset: str | None
    sha256: str
    look: NDArray[np.uint16]
    tint: tuple[float, float]
    traits: dict[str, Any]
    grey: bool
    warnings: list[str]
    position: int = 0


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
        Files that are no images by their names, or have no class.
    lost : dict
        By class without an image that can be read: how many files it has, by suffix.
    told : list of str
        How the folders were understood.
    beyond : int
        How many files the limit left unread.
    """

    images: list[ImageFile]
    unreadable: list[dict[str, str]]
    others: list[str]
    lost: dict[str, Counter[str]]
    told: list[str]
    beyond: int = 0


def scan(root: Path, folder: Path, max_megapixels: float, data: Data, seed: int = 0) -> Scan:
    """Look at every image under `folder`; a file that cannot be read is excluded, and named.

    Parameters
    ----------
    root : Path
        The project's folder, which the files' names are relative to.
    folder : Path
        In one of the layouts of `layouts.py`.
    max_megapixels : float
        Larger ones are excluded.
    data : Data
        Names columns of a table beside the images, and how many images are used at most.
    seed : int
        Of their choice.

    Raises
    ------
    UserError
        If no layout fits.
    """
    facts = [*data.slices, *([data.certainty] if data.certainty else [])]
    layout = recognise(folder, data.label_column, facts)
    number = {
        path: k for k, path in enumerate(sorted((f.path for f in layout.files), key=_numbers))
    }
    files = limited(layout.files, data.limit, seed)
    result = Scan([], [], layout.others, {}, layout.told, len(layout.files) - len(files))
    scanned = map_in_order(lambda placed: _scan_one(root, placed, max_megapixels), files)
    bar = tqdm(scanned, "reading images", len(files), unit="img")
    for placed, found in zip(files, bar, strict=True):
        if isinstance(found, ImageFile):
            result.images.append(replace(found, position=number[placed.path]))
        else:
            name = placed.path.relative_to(folder).as_posix()
            result.unreadable.append({"file": name, "reason": found})
    known = {image.label for image in result.images}
    result.lost = {name: held for name, held in layout.classes.items() if name not in known}
    return result


def limited(files: list[Placed], limit: int | None, seed: int) -> list[Placed]:
    """At most `limit` files, drawn from the classes in turn so that none is lost."""
    if limit is None or limit >= len(files):
        return files
    order = np.random.default_rng(seed).permutation(len(files))
    turn: Counter[str] = Counter()
    ranked = []
    for i in order:
        label = files[i].label
        ranked.append((turn[label], int(i)))
        turn[label] += 1
    return [files[i] for i in sorted(i for _, i in sorted(ranked)[:limit])]


def _numbers(path: Path) -> tuple[list[int], str]:
    """Where a file stands among others: `cell9` before `cell10`."""
    return [int(digits) for digits in re.findall(r"\d+", path.stem)], path.as_posix()


def _scan_one(root: Path, placed: Placed, max_megapixels: float) -> ImageFile | str:
    try:
        content = placed.path.read_bytes()
        image, warnings = decode_and_warn(content, max_megapixels)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    except UserError as error:
        return str(error)
    return ImageFile(
        placed.path.relative_to(root).as_posix(),
        placed.label,
        placed.subset,
        hashlib.sha256(content).hexdigest(),
        _look(image),
        _tint(image),
        {
            **placed.facts,
            **traits(image),
            "file_kilobytes": len(content) / 1000,
            "format": sniff(content),
        },
        is_grey(image),
        warnings,
    )


def _look(image: Image.Image) -> NDArray[np.uint16]:
    """A grey copy of 64 by 64 pixels, in 256ths of a level: fainter than noise, so that noise is kept."""
    grey = image.convert("L").convert("F").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    return np.round(np.asarray(grey) * 256).astype(np.uint16)


def _tint(image: Image.Image) -> tuple[float, float]:
    red, green, blue = ImageStat.Stat(image.resize((SIDE, SIDE))).mean
    return red - green, blue - green


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
