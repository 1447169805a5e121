"""Features of many images, computed once and kept on disk: memory does not grow with them."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from ..images.dataset import ImageDataset
from ..images.decoding import decode
from ..images.parallel import map_in_order
from .extractors import FeatureExtractor

CACHE = Path("data", "cache")


class FeatureCache:
    """Features of a dataset's images, by extractor.

    Parameters
    ----------
    dataset : ImageDataset
    max_megapixels : float
        As the data stage decoded them.
    """

    def __init__(self, dataset: ImageDataset, max_megapixels: float) -> None:
        self.dataset = dataset
        self.max_megapixels = max_megapixels
        self._digest = hashlib.sha256(
            json.dumps([entry["sha256"] for entry in dataset.entries]).encode()
        ).hexdigest()

    def image(self, row: int) -> Image.Image:
        """One image, decoded now."""
        return decode(self.dataset.path(row).read_bytes(), self.max_megapixels)

    def features(self, extractor: FeatureExtractor) -> NDArray[Any]:
        """What `extract` gave for each image, memory-mapped, shape (n, d); computed if need be."""
        spec = extractor.spec
        content = f"{json.dumps(spec, sort_keys=True)} {self._digest}"
        key = hashlib.sha256(content.encode()).hexdigest()[:20]
        file = self.dataset.root / CACHE / f"{spec['kind']}-{key}.npy"
        if not file.exists():
            self._write(extractor, file)
        return np.load(file, mmap_mode="r")

    def _write(self, extractor: FeatureExtractor, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished, count = file.with_suffix(f".{os.getpid()}.part"), len(self.dataset)
        rows = map_in_order(lambda row: extractor.extract(self.image(row)), range(count))
        title = f"extracting {extractor.spec['kind']} features"
        try:
            # Written, not mapped: pages of a mapping stay with the process.
            with unfinished.open("wb") as target:
                for row, features in enumerate(tqdm(rows, title, count, unit="img")):
                    if row == 0:
                        header = {
                            "descr": np.lib.format.dtype_to_descr(features.dtype),
                            "fortran_order": False,
                            "shape": (count, len(features)),
                        }
                        np.lib.format.write_array_header_1_0(target, header)
                    target.write(features.tobytes())
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
