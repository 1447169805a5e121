"""Copies are found, and pictures of one kind are not taken for one: precision and recall, measured.

The bounds are those of docs/decisions/0029; a set holds pictures of one kind, and copies of some.
"""

import io
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance
from scipy.ndimage import gaussian_filter
from toolkit.images.duplicates import grouped, near_duplicates
from toolkit.images.scanning import ImageFile, scan
from toolkit.images.settings import Data

Rng = np.random.Generator


def picture(values: np.ndarray) -> Image.Image:
    if values.ndim == 2:
        values = np.repeat(values[:, :, None], 3, axis=2)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def texture(rng: Rng, side: int, depth: float) -> np.ndarray:
    """What nature draws: coarse and fine structures."""
    layers = [gaussian_filter(rng.normal(size=(side, side)), s) * s for s in (1, 3, 9, 27)]
    total = sum(layers)
    return depth * (total - total.mean()) / total.std()


def photograph(rng: Rng) -> Image.Image:
    shades = rng.uniform(-30, 30, 3)
    return picture(130 + texture(rng, 160, 40)[:, :, None] + shades)


def drawing(rng: Rng) -> Image.Image:
    """A circle or a square in thin black on white."""
    image = Image.new("RGB", (192, 192), "white")
    pen, (x, y), r = (
        ImageDraw.Draw(image),
        rng.integers(20, 80, 2).tolist(),
        int(rng.integers(30, 90)),
    )
    (pen.ellipse if rng.random() < 0.5 else pen.rectangle)(
        (x, y, x + r, y + r), outline="black", width=2
    )
    return image


def fixed_camera(rng: Rng) -> Image.Image:
    """One part in one place, lit alike; half of them have a fault."""
    image = Image.new("RGB", (192, 192), (200, 200, 200))
    pen = ImageDraw.Draw(image)
    pen.ellipse((45, 45, 147, 147), fill=(90, 90, 100))
    pen.rectangle((82, 15, 110, 45), fill=(60, 60, 60))
    if rng.random() < 0.5:
        x, y = rng.integers(60, 110, 2).tolist()
        pen.line((x, y, x + 25, y + 12), fill=(230, 230, 230), width=3)
    return picture(np.asarray(image) + rng.normal(0, 3, (192, 192, 3)))


def x_ray(rng: Rng) -> Image.Image:
    """The same bones at about the same place, and what is each person's own."""
    y, x = np.mgrid[0:192, 0:192] / 192 - 0.5
    body = 180 * np.exp(-6 * (x**2 + 0.5 * y**2)) + 30 * np.cos(40 * (y + rng.normal(0, 0.004)))
    return picture(body + texture(rng, 192, 8) + rng.normal(0, 2, (192, 192)))


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def copies(image: Image.Image, rng: Rng) -> Iterator[tuple[str, Image.Image]]:
    w, h = image.size
    left, top, right, bottom = rng.uniform(0.01, 0.1, 4)
    box = (int(left * w), int(top * h), int(w - right * w), int(h - bottom * h))
    yield "smaller", image.resize((w // 2, h // 2), Image.Resampling.LANCZOS)
    yield "larger", image.resize((w * 3 // 2, h * 3 // 2), Image.Resampling.BICUBIC)
    yield "recompressed", jpeg(image, 75)
    yield "brighter", jpeg(ImageEnhance.Brightness(image).enhance(1.1), 85)
    yield "turned", image.transpose(Image.Transpose.ROTATE_90)
    yield "mirrored", image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    yield "cropped", image.crop(box)


def files(tmp_path, images: list[Image.Image]) -> list[ImageFile]:
    for number, image in enumerate(images):
        path = tmp_path / "raw" / "ab"[number % 2] / f"{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path)
    found = scan(tmp_path, tmp_path / "raw", 25, Data()).images
    return sorted(found, key=lambda each: each.file[-8:])


MEASURED = [
    # kind, precision, recall of copies that are whole, and of cropped ones
    (photograph, 0.98, 0.95, 0.9),
    (drawing, 0.98, 0.9, 0.0),
    (fixed_camera, 0.98, 0.9, 0.0),
    (x_ray, 0.85, 0.9, 0.0),
]
MANY, COPIED = 40, 6


@pytest.mark.parametrize(("kind", "precision", "recall", "cropped"), MEASURED)
def test_copies_are_found_and_pictures_of_one_kind_are_not(
    tmp_path, kind: Callable[[Rng], Image.Image], precision: float, recall: float, cropped: float
) -> None:
    rng = np.random.default_rng(0)
    sources = [kind(rng) for _ in range(MANY)]
    images, origin, how = list(sources), list(range(MANY)), [""] * MANY
    for source in range(COPIED):
        for name, copy in copies(sources[source], rng):
            images.append(copy)
            origin.append(source)
            how.append(name)
    pairs = near_duplicates(files(tmp_path, images))
    right = [pair for pair in pairs if origin[pair[0]] == origin[pair[1]]]
    assert len(right) >= precision * len(pairs), [pair for pair in pairs if pair not in right]
    found = {how[j] + str(i) for i, j in right if i < MANY}
    shares = {
        name: np.mean([name + str(i) in found for i in range(COPIED)])
        for name in dict.fromkeys(how)
        if name
    }
    assert shares.pop("cropped") >= cropped, shares
    assert np.mean(list(shares.values())) >= recall, shares
    groups = grouped(len(images), pairs)
    assert len(np.unique(groups[:MANY])) >= MANY - 1
    assert np.unique(groups, return_counts=True)[1].max() <= 8


def test_a_fault_on_the_same_photograph_makes_it_another(tmp_path) -> None:
    """Before and after: the same part, the same light to the last grain, and a hole in it."""
    rng = np.random.default_rng(1)
    images = [photograph(rng) for _ in range(20)]
    other = images[3].copy()
    ImageDraw.Draw(other).ellipse((40, 40, 130, 130), fill=(20, 20, 20))
    assert near_duplicates(files(tmp_path, [*images, other])) == []


def test_colours_tell_pictures_apart(tmp_path) -> None:
    rng = np.random.default_rng(2)
    grey = texture(rng, 96, 40)[:, :, None] + 128
    images = [picture(grey + np.array(tint)) for tint in ((30, 0, 0), (0, 0, 30), (0, 0, 0))]
    assert near_duplicates(files(tmp_path, images)) == []


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_images_and_blank_ones(tmp_path, count: int) -> None:
    """Nothing to compare with, and nothing to see."""
    images = [Image.new("RGB", (20 + n, 20), (n, n, n)) for n in range(count)]
    assert near_duplicates(files(tmp_path, images)) == []
    images.append(images[0])
    assert near_duplicates(files(tmp_path, images)) == [(0, count)]


def test_a_chain_joins_nothing_that_is_not_alike() -> None:
    chain = [(i, i + 1) for i in range(9)]
    assert np.unique(grouped(10, chain), return_counts=True)[1].max() == 3
    all_pairs = [(i, j) for i in range(5) for j in range(i + 1, 5)]
    assert len(np.unique(grouped(5, all_pairs[1:]))) == 1
    assert grouped(4, []).tolist() == [0, 1, 2, 3]
