"""Features of many pictures, computed once and kept on disk: memory does not grow with them."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ...features import View
from .dataset import Listing
from .decoding import decode

CACHE = Path("data", "cache")
BLOCK = 256


class Store:
    """Features of a listing's pictures, by view.

    Parameters
    ----------
    listing : Listing
    max_megapixels : float
        As the data stage decoded them.
    """

    def __init__(self, listing: Listing, max_megapixels: float) -> None:
        self.listing = listing
        self.max_megapixels = max_megapixels
        self._digest = hashlib.sha256(
            json.dumps([entry["sha256"] for entry in listing.entries]).encode()
        ).hexdigest()

    def image(self, row: int) -> Image.Image:
        """One picture, decoded now."""
        return decode(self.listing.path(row).read_bytes(), self.max_megapixels)

    def rows(self, view: View) -> NDArray[Any]:
        """Cached rows of a view, memory-mapped, shape (n, d); computed if they are not there."""
        key = hashlib.sha256(
            f"{json.dumps(view.spec, sort_keys=True)} {self._digest}".encode()
        ).hexdigest()[:20]
        file = self.listing.root / CACHE / f"{view.spec['kind']}-{key}.npy"
        if not file.exists():
            self._write(view, file)
        return np.load(file, mmap_mode="r")

    def _write(self, view: View, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(f".{os.getpid()}.part")
        try:
            rows = each(self.listing, lambda row: view.extract(self.image(row)))
            first = next(rows)
            header = {
                "descr": np.lib.format.dtype_to_descr(first.dtype),
                "fortran_order": False,
                "shape": (len(self.listing), len(first)),
            }
            bar = tqdm(
                rows,
                desc=f"seeing: {view.spec['kind']}",
                unit="img",
                initial=1,
                total=len(self.listing),
            )
            # Written, not mapped: pages of a mapping stay with the process.
            with unfinished.open("wb") as target:
                np.lib.format.write_array_header_1_0(target, header)
                target.write(first.tobytes())
                for features in bar:
                    target.write(features.tobytes())
            unfinished.replace(file)
        finally:
            with suppress(FileNotFoundError):
                unfinished.unlink()


def each(listing: Listing, work: Callable[[int], Any]) -> Iterator[Any]:
    """Do `work` on every row, some at a time, results in order."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for start in range(0, len(listing), BLOCK):
            yield from pool.map(work, range(start, min(start + BLOCK, len(listing))))
