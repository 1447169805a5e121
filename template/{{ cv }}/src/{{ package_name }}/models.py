"""The rungs of the ladder, boring first. Add, remove or reorder them here."""

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from .toolkit.images import backbone
from .toolkit.project.config import Params
from .toolkit.images.estimators import Seen
from .features import Hog, Pixels, Raw
from .toolkit.training.comparison import Rung, RungUnavailable, without
from .toolkit.images.feature_cache import Store

NO_TORCH = "The library torch is not installed (`uv sync` installs it)."
PIXELS = "logistic regression on pixels"
AUGMENTED = "small CNN, augmented"
CALIBRATION_PARTS = 3
# Fine-tuning on two cores; without a graphics card, `auto` bears this long a climb.
POINTS_A_SECOND = 0.5e6
MOST_MINUTES = 1


def make_rungs(root: Path, store: Store, image: dict[str, Any], params: Params) -> list[Rung]:
    """The ladder.

    Parameters
    ----------
    root : Path
        The project's folder.
    store : Store
        The training pictures.
    image : dict
        `side` and `mode` of a picture, from data/schema.json.
    params : Params

    Raises
    ------
    UserError
        If `ladder.skip` names a rung that is not on the ladder, or leaves fewer than two.
    """
    pick = _Pick(root, store, image, params)
    name = params.network.backbone
    rungs = [
        Rung("majority", "Does not look at the picture: what the others must beat.", pick.constant),
        Rung(PIXELS, "Weighs each point of a 16 by 16 picture: needs no network.", pick.pixels),
        Rung("SVM on HOG", "Directions of edges by region: shape, not brightness.", pick.svm),
        Rung("small CNN", "Learns its own features, from these pictures only.", pick.small),
        Rung(
            AUGMENTED,
            "The same, shown turned, shifted, blurred, darkened and noisy copies.",
            partial(pick.small, augmented=True),
        ),
        Rung(
            f"frozen {name}",
            "Logistic regression on what a network trained on photographs computes.",
            pick.frozen,
        ),
        Rung(f"fine-tuned {name}", "The same network, all of it trained on.", pick.fine_tuned),
    ]
    return without(rungs, params.ladder.skip)


class _Pick:
    """Builds unfitted estimators; one method a rung."""

    def __init__(self, root: Path, store: Store, image: dict[str, Any], params: Params) -> None:
        self.root = root
        self.store = store
        self.side, self.mode = image["side"], image["mode"]
        self.params = params
        self.seed = params.seed
        self.classes = len(store.listing.classes)

    def constant(self, features: Any) -> Any:
        return DummyClassifier(strategy="prior")

    def pixels(self, features: Any) -> Any:
        view = Pixels(self.mode)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        return Seen(view, self.store.rows(view), model)

    def svm(self, features: Any) -> Any:
        fewest = int(np.bincount(self.store.listing.y).min())
        if fewest < 2 * CALIBRATION_PARTS:
            raise RungUnavailable(
                f"The smallest class has {fewest} pictures; {2 * CALIBRATION_PARTS} are needed to "
                "turn an SVM's scores into probabilities."
            )
        view = Hog(self.side)
        machine = SVC(C=10, gamma="scale", random_state=self.seed)
        if self.classes > 2:
            # Its own scores of many classes count votes, and say little about how sure it is.
            machine = OneVsRestClassifier(machine)
        model = CalibratedClassifierCV(machine, cv=CALIBRATION_PARTS, ensemble=False)
        return Seen(view, self.store.rows(view), model)

    def small(self, features: Any, augmented: bool = False) -> Any:
        if importlib.util.find_spec("torch") is None:
            raise RungUnavailable(NO_TORCH)
        from .networks import NetworkRung, SmallNet

        view = Raw(self.mode, self.side)
        make = partial(SmallNet, view.shape, self.classes, augmented)
        settings = self.params.network
        longer = 2 if augmented else 1  # each copy is met once only, so it learns more slowly
        return NetworkRung(
            view,
            self.store.rows(view),
            make,
            self.classes,
            longer * settings.epochs,
            longer * settings.patience,
            3e-3,
            self.seed,
        )

    def frozen(self, features: Any) -> Any:
        view = backbone.frozen(self.root, self.params.network.backbone)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        return Seen(view, self.store.rows(view), model)

    def fine_tuned(self, features: Any) -> Any:
        settings = self.params.network
        side = min(4 * self.side, backbone.SIDE)
        if settings.fine_tune is False:
            raise RungUnavailable("Not tried: `network.fine_tune` is false in params.yaml.")
        if importlib.util.find_spec("torch") is None:
            raise RungUnavailable(NO_TORCH)
        from .networks import FineTunedRung

        if settings.fine_tune == "auto" and FineTunedRung.device == "cpu":
            self._refuse_hours(side)

        view = Raw("RGB", side)
        return FineTunedRung(
            view,
            self.store.rows(view),
            partial(backbone.network, settings.backbone, side),
            self.classes,
            settings.fine_tune_epochs,
            settings.fine_tune_epochs,
            5e-4,
            self.seed,
        )

    def _refuse_hours(self, side: int) -> None:
        """Leave fine-tuning out where a climb on a processor would be long."""
        network, folds = self.params.network, self.params.cv.folds
        pictures = len(self.store.listing) * (folds - 1) * network.fine_tune_epochs
        minutes = pictures * side**2 / POINTS_A_SECOND / 60
        if minutes > MOST_MINUTES:
            raise RungUnavailable(
                f"Not tried: training all of the network on {len(self.store.listing):,} pictures "
                f"takes about {minutes:,.0f} minutes on two cores. With a graphics card it is tried; "
                "so it is with `network.fine_tune: true` in params.yaml."
            )
