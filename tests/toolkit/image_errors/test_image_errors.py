"""Where a model looks and what disturbs it: on models whose weakness is known."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from toolkit.evaluation.intervals import Units
from toolkit.image_errors import charts, failures, robustness
from toolkit.image_models.occlusion import occlusion


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

    @property
    def units(self) -> Units:
        return Units.of(len(self))

    def __len__(self) -> int:
        return len(self.images)


def test_corruptions_cost_what_they_cost() -> None:
    """A model that looks at brightness alone falls with the light, and only with it."""
    images = [Image.new("RGB", (32, 32), (level,) * 3) for level in (60, 60, 60, 200) * 20]

    def predict(given: list[Image.Image]) -> np.ndarray:
        bright = np.array([np.asarray(image).mean() > 130 for image in given], dtype=float)
        return np.stack([1 - bright, bright], axis=1)

    given = Given(images, np.array([0, 0, 0, 1] * 20))
    measured = robustness.measure(given, predict, lambda shares: np.argmax(shares, axis=1), 0)
    rows = {(row["corruption"], row["severity"]): row for row in measured["rows"]}
    assert len(rows) == len(robustness.CORRUPTIONS)
    assert rows["exposure", "60%"]["drop"] == pytest.approx(0.5)  # of accuracy it loses 0.25
    assert rows["exposure", "60%"]["ci"][0] > 0.3
    assert rows["blur", "radius 4% of the side"]["drop"] == 0
    assert rows["shift", "10% of the side"]["drop"] == 0
    assert measured["worst"]["corruption"] == "exposure"


@dataclass
class Fixed:
    """A model that looks at the brightest or the darkest pixel, or at nothing."""

    look: Callable[[np.ndarray], float]
    classes_ = np.array([0, 1])

    @property
    def extractor(self) -> "Fixed":
        return self

    def extract(self, image: Image.Image) -> np.ndarray:
        return np.array([self.look(np.asarray(image))])

    def predict_rows(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([rows[:, 0] <= 90, rows[:, 0] > 90], axis=1).astype(float)


def test_a_model_that_decides_all_alike_is_no_answer_to_a_corruption() -> None:
    """In the dark, the chosen model calls nothing bright; to call nothing bright always is no better."""
    images = [Image.new("RGB", (32, 32), (level,) * 3) for level in (60, 60, 60, 200) * 20]
    given = Given(images, np.array([0, 0, 0, 1] * 20))
    worst = {"corruption": "exposure", "severity": "60%"}

    def decide(shares: np.ndarray) -> np.ndarray:
        return np.argmax(shares, axis=1)

    def dark(given: list[Image.Image]) -> np.ndarray:
        return np.tile([1.0, 0.0], (len(given), 1))

    def answer(look: Callable[[np.ndarray], float]) -> dict[str, Any]:
        model: Any = Fixed(look)
        return robustness.measure_augmented("net", model, given, dark, decide, worst, 0)

    assert answer(np.max)["gain"] == pytest.approx(0.5)
    assert answer(np.max)["ci"][0] > 0.3
    alike = answer(lambda values: 0.0)
    assert (alike["balanced_accuracy"], alike["gain"], alike["ci"]) == (0.5, 0.0, [0.0, 0.0])


def test_a_shift_moves_what_is_shown() -> None:
    image = Image.new("RGB", (40, 40))
    image.paste((255, 255, 255), (18, 18, 22, 22))
    row = {"corruption": "shift", "severity": "10% of the side"}
    moved = np.asarray(robustness.corrupt([image], row, 0)[0])[:, :, 0]
    assert moved.shape == (40, 40)
    assert moved.sum() == 16 * 255
    found = np.argwhere(moved).mean(axis=0) - np.argwhere(np.asarray(image)[:, :, 0]).mean(axis=0)
    assert np.abs(found).tolist() == [4, 4]


def test_hits_misses_and_false_alarms_are_explained() -> None:
    """With two classes, in this order: the hits in the middle, then the worst mistakes."""
    y = np.array([1, 1, 1, 1, 0, 0, 1, 1, 1])
    positive = np.array([0.9, 0.8, 0.2, 0.1, 0.7, 0.1, 0.95, 0.6, 0.7])
    predictions = np.stack([1 - positive, positive], axis=1)
    decisions = (positive > 0.5).astype(int)
    worst = [3, 2, 4, 7, 8, 1, 0, 6, 5]
    assert failures._explained(y, predictions, decisions, worst) == [0, 1, 8, 3, 2, 4]


def test_no_file_of_numbers_holds_a_part_of_an_image() -> None:
    case = {"row": 1, "picture": "data:image/png;base64,", "heat": [[0.1]]}
    shown = ("worst", "explanations", "samples")
    kept = failures.without_images({"n_test": 3, **{name: [case] for name in shown}})
    assert kept == {"n_test": 3, **{name: [{"row": 1}] for name in shown}}


def test_samples_of_each_class_are_drawn() -> None:
    images = [Image.new("RGB", (8, 8), (level,) * 3) for level in [10] * 6 + [200] * 3]
    given = Given(images, np.array([1] * 6 + [0] * 3))
    given.classes = ["dark", "bright"]
    given.entries = [{"file": f"{row}.png"} for row in range(9)]
    found = failures.samples(given, 0)
    assert [(case["truth"], case["n"]) for case in found] == [("bright", 6)] * 4 + [("dark", 3)] * 3
    assert len({case["file"] for case in found}) == 7
    figure = charts.samples({}, {}, {"samples": found})
    assert sum(len(axes.images) for axes in figure.axes) == 7


def test_a_notice_lies_beside_figures_that_need_one(tmp_path) -> None:
    about = {"notice": "Not under this licence.", "citation": "Ada (1843)"}
    charts.write_notice({"about": about}, tmp_path)
    assert "Cite: Ada (1843)." in (tmp_path / "NOTICE.md").read_text("utf-8")
    charts.write_notice({"about": {}}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    rows = failures.per_class(np.array([0, 0, 1]), np.array([0, 0, 0]), ["cat", "dog", "cow"])
    assert [row["n"] for row in rows] == [2, 1, 0]
    assert rows[0]["precision"] == pytest.approx(2 / 3)
    assert rows[1]["precision"] is None
    assert rows[1]["recall"] == 0
    assert rows[2]["f1"] is None
