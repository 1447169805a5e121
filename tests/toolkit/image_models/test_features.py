"""Features are computed once, in order, and never half."""

from pathlib import Path

import numpy as np
import pytest
from cv.features import Hog, Pixels
from PIL import Image
from small_images import drawn, training_images, write
from toolkit.image_models.extractors import RawPixels
from toolkit.image_models.feature_cache import CACHE, FeatureCache
from toolkit.image_models.hog import hog


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FeatureCache:
    root = tmp_path_factory.mktemp("images")
    write(root / "data/raw", each=10)
    return training_images(root)


def test_edges_have_the_direction_they_have() -> None:
    """A vertical edge changes along x: its gradients lie in the first and last bins."""
    image = np.zeros((32, 32), dtype=np.uint8)
    image[:, 16:] = 255
    upright = hog(image).reshape(-1, 9).sum(axis=0)
    lying = hog(image.T).reshape(-1, 9).sum(axis=0)
    assert upright[[0, 8]].sum() > 0.99 * upright.sum()
    assert lying[[4]].sum() > 0.99 * lying.sum()


def test_edges_do_not_mind_the_light() -> None:
    image = np.asarray(drawn("cross", np.random.default_rng(0)).convert("L"))
    darker = (image * 0.5).astype(np.uint8)
    assert np.corrcoef(hog(image), hog(darker))[0, 1] > 0.9
    assert np.all(np.isfinite(hog(np.zeros((16, 16), dtype=np.uint8))))


def test_features_are_computed_once_in_the_order_of_the_dataset(cache: FeatureCache) -> None:
    extractor = Pixels("RGB")
    rows = cache.features(extractor)
    assert isinstance(rows, np.memmap)
    assert len(rows) == len(cache.dataset)
    for row in (0, 7, len(rows) - 1):
        assert np.array_equal(rows[row], extractor.extract(cache.image(row)))
    kept = list((cache.dataset.root / CACHE).glob("pixels-*.npy"))
    before = kept[0].stat().st_mtime_ns
    cache.features(extractor)
    assert kept[0].stat().st_mtime_ns == before
    assert not list((cache.dataset.root / CACHE).glob("*.part"))


def test_other_settings_of_an_extractor_are_other_features(cache: FeatureCache) -> None:
    assert cache.features(Pixels("L")).shape[1] == 256
    assert cache.features(Pixels("L", 8)).shape[1] == 64


def test_a_killed_extraction_leaves_nothing_to_be_believed(cache: FeatureCache) -> None:
    class Failing(Hog):
        def extract(self, image: Image.Image) -> np.ndarray:
            raise MemoryError

    with pytest.raises(MemoryError):
        cache.features(Failing(40))
    assert not list((cache.dataset.root / CACHE).glob("hog-*"))


def test_raw_pixels_keep_channels_apart(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (255, 0, 51))
    extractor = RawPixels("RGB", 16)
    row = extractor.extract(image)
    assert row.reshape(extractor.shape).max(axis=(1, 2)).tolist() == [255, 0, 51]
    assert extractor.inputs(row.reshape(extractor.shape))[2].max() == pytest.approx(0.2)
