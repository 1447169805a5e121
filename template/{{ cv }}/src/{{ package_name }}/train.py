"""The stage `train`: climb the ladder, choose by the rule, refit, export, log."""

import base64
import importlib.util
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from .toolkit.training import bundle, tracking
from .toolkit.training.bundle import LADDER, check_parity
from .toolkit.project.config import Params
from .toolkit.project.errors import UserError
from .toolkit.images.estimators import Seen
from .toolkit.images.export import write_model
from .toolkit.project.files import read_json, write_json
from .toolkit.splitting.folds import make_folds
from .toolkit.training.comparison import Climb, climb, refit
from .toolkit.images.dataset import read_listing
from .models import make_rungs
from .toolkit.images.predictor import Predictor
from .toolkit.images.feature_cache import Store
from .toolkit.training.review import confidence_floor
from .toolkit.training.threshold import cheapest_threshold

PACKAGES = ("scikit-learn", "numpy", "pillow", "skl2onnx", "onnxruntime", "torch", "skorch")
DEFAULT_METRIC = {"binary": "roc_auc", "multiclass": "f1_macro"}
PARITY_ROWS = 200
LARGEST_EXAMPLE = 96


def run(root: Path, params: Params) -> dict[str, Any]:
    """Train and put the new bundle in place.

    Returns
    -------
    dict
        The content of `reports/ladder.json`.

    Raises
    ------
    UserError
        If nothing beats the first rung, or the exported model differs from the trained one; the
        earlier bundle then stays in place.
    """
    listing = read_listing(root, "train")
    schema = read_json(root / "data" / "schema.json", "data")
    store = Store(listing, params.images.max_megapixels)
    metric = DEFAULT_METRIC[listing.task] if params.metric == "auto" else params.metric
    rungs = make_rungs(root, store, schema["image"], params)
    folds = make_folds(
        listing.y, params.cv.folds, classes=True, groups=listing.groups, seed=params.seed
    )
    with tqdm(total=len(folds) * len(rungs), desc="climbing", unit="fit") as bar:

        def on_step(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        climbed = climb(rungs, listing.positions, listing.y, folds, metric, on_step=on_step)
    ladder = climbed.to_json()
    write_json(root / LADDER, ladder)
    chosen = climbed.chosen.rung
    if chosen is rungs[0]:
        raise UserError(
            f"Nothing beats `{chosen.name}`: {climbed.best.rung.name} has {metric} "
            f"{climbed.best.mean:.3f} against {climbed.results[0].mean:.3f}, within one standard "
            "error. No model was put in place, since none would be worth serving. Collect more "
            f"pictures, or clearer ones; {LADDER} has every score."
        )
    model = refit(chosen, rungs, None, listing.positions, listing.y)
    packages = [name for name in PACKAGES if importlib.util.find_spec(_module(name))]
    metadata = {
        **bundle.provenance(root, packages),
        **_description(climbed, schema, listing.y, params),
        "example": _example(store),
    }
    with bundle.replacing(root) as work:
        metadata |= write_model(model, work)
        write_json(work / "metadata.json", metadata)
        metadata["parity"] = _parity(root, work, model, params)
        write_json(work / "metadata.json", metadata)
    tags = {"data_sha256": metadata["data_sha256"], "git_commit": metadata["git_commit"] or "none"}
    ladder["mlflow_run_id"] = tracking.log_climb(
        root, params, climbed, {**tags, "model_version": metadata["model_version"]}, [root / LADDER]
    )
    write_json(root / LADDER, ladder)
    return ladder


def _module(name: str) -> str:
    return {"scikit-learn": "sklearn", "pillow": "PIL"}.get(name, name)


def _parity(root: Path, folder: Path, model: Seen, params: Params) -> dict[str, Any]:
    """Compare the bundle with the trained model; pictures only, the test labels stay closed."""
    listing = read_listing(root, "test")
    store = Store(listing, params.images.max_megapixels)
    predictor = Predictor.load(folder)
    picked = listing.positions[:PARITY_ROWS]
    rows = store.rows(model.view)
    served = np.concatenate([predictor.outputs([store.image(int(i))]) for i in picked])
    expected = np.zeros_like(served)
    expected[:, model.classes_] = model.over(rows).predict_proba(picked)
    return {"rows": len(picked), "largest_difference": check_parity(expected, served)}


def _description(
    climbed: Climb, schema: dict[str, Any], y: "np.ndarray[Any, Any]", params: Params
) -> dict[str, Any]:
    chosen, target = climbed.chosen, schema["target"]
    truth = y[np.concatenate([validation for _, validation in climbed.folds])]
    answers = np.concatenate(chosen.predictions)
    threshold = None
    if target["task"] == "binary":
        threshold = cheapest_threshold(
            truth == 1, answers[:, 1], params.costs.false_positive, params.costs.false_negative
        )
    return {
        "task": target["task"],
        "target": target["name"],
        "classes": target["classes"],
        "positive": target["positive"],
        "threshold": threshold,
        "interval": None,
        "confidence_floor": confidence_floor(params.review.confidence_floor, answers, truth),
        "rung": chosen.rung.name,
        "rung_reason": chosen.rung.reason,
        "metrics": {"metric": climbed.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
        "schema": schema,
    }


def _example(store: Store) -> str:
    """A training picture as a data URL: what the API's documentation shows and can send."""
    image = store.image(0)
    image.thumbnail((LARGEST_EXAMPLE, LARGEST_EXAMPLE), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
