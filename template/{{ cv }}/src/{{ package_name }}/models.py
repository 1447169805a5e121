"""The candidate models, simplest first. Add, remove or reorder them here.

Each is built unfitted. It is given positions of training images and looks the features of its
extractor up in the cache, so that features are computed once for all folds.
"""

from functools import partial
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from .features import Hog, Pixels
from .settings import Params
from .toolkit.image_models import backbone
from .toolkit.image_models.classifier import CachedClassifier
from .toolkit.image_models.extractors import RawPixels
from .toolkit.image_models.feature_cache import FeatureCache
from .toolkit.training.comparison import Candidate, CandidateUnavailable, drop_skipped

PIXELS = "logistic regression on pixels"
AUGMENTED = "small CNN, augmented"
CALIBRATION_FOLDS = 3
DIRECTIONS = 100
# What a small network is shown in one fit: 8 s of one core at 32 pixels. Counted, so that a commit trains
# the same network on any machine.
PIXELS_SEEN, FEWEST_EPOCHS = 1.6e7, 6


def make_candidates(cache: FeatureCache, image: dict[str, Any], params: Params) -> list[Candidate]:
    """The ladder.

    Parameters
    ----------
    cache : FeatureCache
        Of the training images.
    image : dict
        `side`, `network_side` and `mode` of an image as the data stage settled them.
    params : Params

    Raises
    ------
    UserError
        If `ladder.skip` names no candidate, or leaves fewer than two.
    """
    root, side, mode = cache.dataset.root, image["side"], image["mode"]
    name, seen = params.network.backbone, image["network_side"]
    candidates = [
        Candidate(
            "majority",
            "Ignores the image: what every other model must beat.",
            lambda _: DummyClassifier(strategy="prior"),
        ),
        Candidate(
            PIXELS,
            "Weighs each pixel of a 16 by 16 copy: needs no network.",
            lambda _: CachedClassifier(cache, Pixels(mode), scaled_logistic_regression(0.1)),
        ),
        Candidate(
            "SVM on HOG",
            "Directions of edges by region: shape, not brightness.",
            lambda _: CachedClassifier(cache, Hog(side), calibrated_svm(cache, params.seed)),
        ),
        Candidate(
            "small CNN",
            "Learns its own features, from these images only.",
            lambda _: small_cnn(cache, mode, side, params, augmented=False),
        ),
        Candidate(
            AUGMENTED,
            "The same, shown rotated, shifted, blurred, darkened and noisy copies.",
            lambda _: small_cnn(cache, mode, side, params, augmented=True),
        ),
        Candidate(
            f"frozen {name}",
            "Logistic regression on the features of a network trained on photographs.",
            lambda _: CachedClassifier(
                cache, backbone.pretrained(root, name, seen), scaled_logistic_regression(0.003)
            ),
        ),
        Candidate(
            f"SVM on frozen {name}",
            "The same features, which need not add up: a combination of textures can be a defect.",
            lambda _: CachedClassifier(
                cache, backbone.pretrained(root, name, seen), reduced_svm(cache, params.seed)
            ),
        ),
        Candidate(
            f"fine-tuned {name}",
            "The same network, all of it trained on these images.",
            lambda _: fine_tuned(cache, min(4 * side, backbone.SIDE), params),
        ),
    ]
    return drop_skipped(candidates, params.ladder.skip)


def scaled_logistic_regression(strength: float) -> Any:
    """Logistic regression on standardised features; the more of them, the more it is regularised."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=500))


def reduced_svm(cache: FeatureCache, seed: int) -> Any:
    """A support vector machine on the main directions of many features, which it is quicker on."""
    rows = len(cache.dataset)
    # No more than a tenth of a fold's rows, with which the learning curve begins.
    directions = min(max(16, min(DIRECTIONS, rows // 13)), rows // 3)
    reduced = PCA(directions, random_state=seed)
    return make_pipeline(StandardScaler(), reduced, calibrated_svm(cache, seed, strength=3))


def calibrated_svm(cache: FeatureCache, seed: int, strength: float = 10) -> Any:
    """A support vector machine whose scores are turned into probabilities, out of fold.

    Raises
    ------
    CandidateUnavailable
        If a class has too few images for that.
    """
    fewest = int(np.bincount(cache.dataset.y).min())
    if fewest < 2 * CALIBRATION_FOLDS:
        raise CandidateUnavailable(
            f"The smallest class has {fewest} images; {2 * CALIBRATION_FOLDS} are needed to turn an "
            "SVM's scores into probabilities."
        )
    machine = SVC(C=strength, gamma="scale", random_state=seed)
    if len(cache.dataset.classes) > 2:
        # Its own scores of many classes count votes, and say little about how sure it is.
        machine = OneVsRestClassifier(machine)
    # Shuffled: images lie in the order they were taken, and a third of that order may be of another kind,
    # on which scores are turned round.
    parts = StratifiedKFold(CALIBRATION_FOLDS, shuffle=True, random_state=seed)
    return CalibratedClassifierCV(machine, cv=parts, ensemble=False)


def small_cnn(cache: FeatureCache, mode: str, side: int, params: Params, augmented: bool) -> Any:
    """The convolutional network of `networks.py`, with or without augmentation.

    What it costs is bounded: many images are shown to it smaller, then less often.
    """
    backbone.require_torch()
    from .networks import SmallNet
    from .toolkit.image_models.networks import NetworkClassifier

    classes, network = len(cache.dataset.classes), params.network
    if PIXELS_SEEN / len(cache.dataset) / side**2 < FEWEST_EPOCHS:
        side = max(32, side // 2)
    pixels = RawPixels(mode, side)
    affordable = round(PIXELS_SEEN / len(cache.dataset) / side**2)
    epochs = min(network.epochs, max(FEWEST_EPOCHS, affordable))
    longer = 2 if augmented else 1  # each copy is met once only, so it learns more slowly
    return NetworkClassifier(
        cache,
        pixels,
        partial(SmallNet, pixels.shape, classes, augmented),
        classes,
        epochs=longer * epochs,
        patience=longer * network.patience,
        rate=3e-3,
        seed=params.seed,
    )


def fine_tuned(cache: FeatureCache, side: int, params: Params) -> Any:
    """The pretrained network, trained on.

    Raises
    ------
    CandidateUnavailable
        If it is switched off, or would take long without a graphics card.
    """
    network = params.network
    backbone.require_fine_tuning(network, len(cache.dataset), side, params.cv.folds)
    from .toolkit.image_models.networks import FineTunedClassifier

    return FineTunedClassifier(
        cache,
        RawPixels("RGB", side),
        partial(backbone.network, network.backbone, side),
        len(cache.dataset.classes),
        epochs=network.fine_tune_epochs,
        patience=network.fine_tune_epochs,
        rate=5e-4,
        seed=params.seed,
    )
