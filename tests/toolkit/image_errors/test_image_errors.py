"""Where a model looks and what disturbs it: on models whose weakness is known."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from toolkit.evaluation.judgements import rule_would_do
from toolkit.image_errors import failures, robustness
from toolkit.image_errors.occlusion import occlusion


def test_covering_what_decides_costs_the_prediction() -> None:
    """The class is whether the lower right corner is bright."""

    def predict(images: list[Image.Image]) -> np.ndarray:
        corner = np.array([np.asarray(image)[18:, 18:].mean() / 255 for image in images])
        return np.stack([1 - corner, corner], axis=1)

    image = Image.new("RGB", (24, 24))
    image.paste((255, 255, 255), (18, 18, 24, 24))
    heat = occlusion(image, 1, predict)
    assert heat[6:, 6:].min() > 0.2
    assert abs(heat[:5, :5]).max() < 0.01


@dataclass
class Given:
    """A dataset and its images, in memory."""

    images: list[Image.Image]
    y: np.ndarray

    @property
    def dataset(self) -> "Given":
        return self

    def image(self, row: int) -> Image.Image:
        return self.images[row]

    def __len__(self) -> int:
        return len(self.images)


def test_corruptions_cost_what_they_cost() -> None:
    """A model that looks at brightness alone falls with the light, and only with it."""
    images = [Image.new("RGB", (32, 32), (level,) * 3) for level in (60, 200) * 40]

    def predict(given: list[Image.Image]) -> np.ndarray:
        bright = np.array([np.asarray(image).mean() > 130 for image in given], dtype=float)
        return np.stack([1 - bright, bright], axis=1)

    measured = robustness.measure(Given(images, np.array([0, 1] * 40)), predict, 0)
    rows = {(row["corruption"], row["severity"]): row for row in measured["rows"]}
    assert len(rows) == len(robustness.CORRUPTIONS)
    assert rows["brightness", "60%"]["drop"] == pytest.approx(0.5)
    assert rows["brightness", "60%"]["ci"][0] > 0.3
    assert rows["blur", "radius 10% of the side"]["drop"] == 0
    assert measured["worst"]["corruption"] == "brightness"


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    rows = failures.per_class(np.array([0, 0, 1]), np.array([0, 0, 0]), ["cat", "dog", "cow"])
    assert [row["n"] for row in rows] == [2, 1, 0]
    assert rows[0]["precision"] == pytest.approx(2 / 3)
    assert rows[1]["precision"] is None
    assert rows[1]["recall"] == 0
    assert rows[2]["f1"] is None


@pytest.mark.parametrize(("simple", "enough"), [(0.95, True), (0.90, False)])
def test_a_network_is_not_needed_where_pixels_are_within_one_standard_error(
    simple: float, enough: bool
) -> None:
    rungs = [{"name": "pixels", "mean": simple}, {"name": "frozen", "mean": 0.96}]
    ladder = {"rungs": rungs, "best": "frozen", "metric": "f1_macro", "standard_error": 0.02}
    found = rule_would_do(ladder, "pixels")
    assert found["answer"] is enough
    assert (found["mean"], found["best"]) == (simple, "frozen")
    assert rule_would_do(ladder, "HOG")["answer"] is False
