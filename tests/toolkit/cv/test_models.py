"""Each candidate: what is exported predicts as what was trained, and one that cannot be had says why."""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from cv.models import make_candidates
from cv.settings import Params
from sklearn.metrics import roc_auc_score
from small_images import CLASSES, training_images, write
from toolkit.image_models.feature_cache import FeatureCache
from toolkit.images.dataset import ImageDataset
from toolkit.training.comparison import Candidate, CandidateUnavailable, named

FINE_TUNED = "fine-tuned efficientnet-lite0"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> FeatureCache:
    root = tmp_path_factory.mktemp("images")
    write(root / "data/raw")
    return training_images(root)


def candidates(cache: FeatureCache, **sections: object) -> list[Candidate]:
    settings = Params.model_validate({"network": {"epochs": 40, "patience": 40}, **sections})
    return make_candidates(cache, {"side": 24, "network_side": 224, "mode": "RGB"}, settings)


def build(cache: FeatureCache, name: str, **sections: object):
    return named(candidates(cache, **sections), name).build(None)


def served(model, folder: Path, x: np.ndarray) -> np.ndarray:
    """What the exported form of `model` says of the images at positions `x`."""
    model.write_onnx(folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    given = {"x": model.extractor.inputs(model.rows(x))}
    return session.run(["probabilities"], given)[0]


@pytest.mark.parametrize(
    "name",
    [
        "logistic regression on pixels",
        "SVM on HOG",
        "small CNN",
        "small CNN, augmented",
        "frozen efficientnet-lite0",
        "SVM on frozen efficientnet-lite0",
        FINE_TUNED,
    ],
)
def test_what_is_exported_predicts_as_what_was_trained(
    cache: FeatureCache, tmp_path: Path, name: str
) -> None:
    x, y = cache.dataset.positions, cache.dataset.y
    model = build(cache, name).fit(x, y)
    expected, exported = model.predict_proba(x), served(model, tmp_path, x)
    assert np.abs(exported - expected).max() < 1e-5
    assert np.allclose(exported.sum(axis=1), 1, atol=1e-5)
    assert (np.argmax(expected, axis=1) == y).mean() > 0.6, "it has learnt something"
    assert np.allclose(model.predict_rows(model.rows(x)), expected, atol=1e-6)


@pytest.mark.parametrize(("classes", "area"), [(CLASSES, 0.81), (CLASSES[:2], 0.7)])
def test_the_svm_is_less_sure_where_it_errs(
    tmp_path: Path, classes: tuple[str, ...], area: float
) -> None:
    """Noisy images: what it gets wrong has the lower confidence."""
    write(tmp_path / "data/raw", 80, classes, noise=110)
    noisy = training_images(tmp_path)
    x, y = noisy.dataset.positions, noisy.dataset.y
    model = build(noisy, "SVM on HOG").fit(x[::2], y[::2])
    probabilities = model.predict_proba(x[1::2])
    right = np.argmax(probabilities, axis=1) == y[1::2]
    assert 0.5 < right.mean() < 1
    assert roc_auc_score(right, probabilities.max(axis=1)) > area
    assert np.abs(served(model, tmp_path, x[1::2]) - probabilities).max() < 1e-5


def test_a_network_trained_twice_is_the_same(cache: FeatureCache) -> None:
    x, y = cache.dataset.positions, cache.dataset.y
    first, second = (build(cache, "small CNN").fit(x, y).predict_proba(x) for _ in range(2))
    assert np.allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("name", ["logistic regression on pixels", "SVM on HOG"])
def test_an_uncertain_label_counts_less(cache: FeatureCache, name: str) -> None:
    """Images of one class, half of them labelled otherwise: the certain labels are believed."""
    entries = [{**entry} for entry in cache.dataset.entries if entry["class"] == "disc"]
    for number, entry in enumerate(entries):
        entry["class"], entry["weight"] = ("disc", 1.0) if number % 2 else ("cross", 0.02)
    doubted = FeatureCache(ImageDataset(cache.dataset.root, ["cross", "disc"], entries), 25)
    x, y = doubted.dataset.positions, doubted.dataset.y
    assert build(doubted, name).fit(x, y).predict_proba(x)[:, 1].mean() > 0.7


def test_the_loss_of_a_network_counts_an_uncertain_label_less() -> None:
    from toolkit.image_models.networks import CachedPixels

    rows, weights = np.zeros((5, 4), dtype=np.uint8), np.array([1, 0.5, 1, 0.25, 1])
    pixels = CachedPixels(np.array([3, 1, 0]), np.array([1, 0, 1]), rows, weights, 2, (1, 2, 2))
    assert pixels.__getitems__([0, 1, 2])[1].tolist() == [[0, 0.25], [0.5, 0], [0, 1]]


@pytest.mark.parametrize("name", ["small CNN", FINE_TUNED])
def test_a_rare_class_weighs_as_much_as_a_common_one(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The loss is told so: 16 crosses, 4 discs and 2 stripes count alike."""
    import torch

    told: list[list[float]] = []
    loss = torch.nn.CrossEntropyLoss

    class Recording(loss):  # type: ignore[misc, valid-type]
        def __init__(self, weight: torch.Tensor) -> None:
            told.append(weight.tolist())
            super().__init__(weight=weight)

    monkeypatch.setattr(torch.nn, "CrossEntropyLoss", Recording)
    y = cache.dataset.y
    kept = np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate((16, 4, 2))])
    model = build(cache, name, network={"epochs": 1, "fine_tune_epochs": 1})
    model.fit(cache.dataset.positions[kept], y[kept])
    assert np.array(told[0]) * (16, 4, 2) == pytest.approx([22 / 3] * 3)


def test_class_weights_let_a_rare_class_be_found() -> None:
    """Where images cannot be told apart, the prediction is an even chance, not the common class."""
    from cv.networks import SmallNet
    from toolkit.image_models.extractors import RawPixels
    from toolkit.image_models.networks import NetworkClassifier

    class Noise:
        dataset = ImageDataset(Path(), ["common", "rare"], [{}] * 400)
        rows = np.random.default_rng(0).integers(0, 256, (400, 256), dtype=np.uint8)

        def features(self, extractor: RawPixels) -> np.ndarray:
            return self.rows

    pixels = RawPixels("L", 16)
    y = (np.arange(400) % 10 == 0).astype(np.int64)  # 360 against 40
    model = NetworkClassifier(
        Noise(), pixels, lambda: SmallNet(pixels.shape, 2, False), 2, 6, 6, 1e-3, 0
    )
    rare = model.fit(np.arange(400), y).predict_proba(np.arange(400))[:, 1]
    assert 0.4 < rare.mean() < 0.6, "without weights it nears 0.1"


def test_candidates_that_cannot_be_had_say_why(
    cache: FeatureCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    missing = {"torch", "efficientnet_lite_pytorch", "timm"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else find(name)
    )
    for name in ("small CNN", FINE_TUNED):
        with pytest.raises(CandidateUnavailable, match="not installed"):
            build(cache, name)
    with pytest.raises(CandidateUnavailable, match="not installed"):
        build(cache, "frozen resnet18", network={"backbone": "resnet18"})


def test_an_svm_needs_enough_images_of_each_class(tmp_path: Path) -> None:
    write(tmp_path / "data/raw", each=5)
    with pytest.raises(CandidateUnavailable, match="4 images; 6 are needed"):
        build(training_images(tmp_path), "SVM on HOG")


def test_fine_tuning_is_left_out_where_it_is_off_or_takes_long(cache: FeatureCache) -> None:
    for network, words in (
        ({"fine_tune": False}, "is false"),
        ({"fine_tune_epochs": 99}, "minutes"),
    ):
        with pytest.raises(CandidateUnavailable, match=words):
            build(cache, FINE_TUNED, network=network)


def test_fine_tuning_learns_classes_a_fold_may_lack(cache: FeatureCache) -> None:
    """Two of three classes: the layer it begins with has one row of weights, for the second."""
    y = cache.dataset.y
    known = cache.dataset.positions[y != 1]
    probabilities = build(cache, FINE_TUNED).fit(known, y[known]).predict_proba(known)
    assert probabilities.shape == (len(known), 3)
    assert (np.argmax(probabilities, axis=1) == y[known]).mean() > 0.9
