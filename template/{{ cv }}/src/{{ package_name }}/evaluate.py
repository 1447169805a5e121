"""The stage `evaluate`: open the test set, count the opening, and study the errors."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from .toolkit.images import robustness
from .toolkit.training import tracking
from .toolkit.training.bundle import BUNDLE, LADDER
from .toolkit.project.config import Params
from .toolkit.images.estimators import Seen
from .toolkit.images.explain import occlusion
from .toolkit.charts.figures import draw_all
from .toolkit.project.files import read_json, write_json
from .toolkit.splitting.folds import make_folds
from .toolkit.training.comparison import Rung, RungUnavailable, answers_of, refit, score_answers
from .toolkit.images.dataset import Listing, read_listing
from .toolkit.evaluation.display import metric_label, number
from .toolkit.evaluation.display import score as shown
from .models import AUGMENTED, PIXELS, make_rungs
from .toolkit.images.predictor import Predictor
from .toolkit.images.feature_cache import Store
from .toolkit.evaluation.evaluation import FIGURES, METRICS, Study, count_opening
from .toolkit.evaluation.learning_curve import learning_curve
from .toolkit.evaluation.slices import slices

WORST = 20
EXPLAINED = 6
THUMB = 64


def run(root: Path, params: Params) -> dict[str, Any]:
    """Measure the bundle in place on the test pictures.

    Returns
    -------
    dict
        The content of `reports/metrics.json`.

    Raises
    ------
    UserError
        If there is no bundle, or no test pictures.
    """
    ladder = read_json(root / LADDER, "train")
    predictor = Predictor.load(root / BUNDLE)
    train = read_listing(root, "train")
    openings = count_opening(root, root / "data" / "test.json", predictor.version)
    test = read_listing(root, "test")
    stores = {
        side: Store(listing, params.images.max_megapixels)
        for side, listing in (("train", train), ("test", test))
    }
    schema, metric = predictor.metadata["schema"], ladder["metric"]
    rungs = make_rungs(root, stores["train"], schema["image"], params)
    answers = predictor.row_outputs(np.asarray(stores["test"].rows(predictor.view)))
    baseline = refit(rungs[0], rungs, None, train.positions, train.y)
    base_answers = answers_of(baseline, test.positions, len(train.classes))
    described = predictor.metadata
    study = Study(
        test.y,
        test.task,
        described["threshold"],
        params.costs,
        params.seed,
        floor=described["confidence_floor"],
    )
    result: dict[str, Any] = {
        "task": test.task,
        "n_train": len(train),
        "n_test": len(test),
        "test_openings": openings,
        "model_version": predictor.version,
        "chosen_rung": ladder["chosen"],
        "baseline_rung": ladder["rungs"][0]["name"],
        "labels": test.classes,
        **study.scores(answers, base_answers),
    }
    result["primary"] = {
        "metric": metric,
        "cv_mean": predictor.metadata["metrics"]["cv_mean"],
        "cv_std": predictor.metadata["metrics"]["cv_std"],
        "test": score_answers(metric, answers, test.y),
    }
    result |= study.shapes(answers)
    result["per_class"] = per_class(result["confusion_matrix"], test.classes)
    loss = study.loss(test.y, answers)
    result["slices"] = slices(_traits(test), loss, "log_loss")
    result["worst"] = _worst(stores["test"], answers, study.decided(answers), loss)
    result["explanations"] = _explanations(stores["test"], predictor, result["worst"], answers)
    result["robustness"] = _robustness(stores, predictor, rungs, ladder, params)
    fold = make_folds(train.y, 5, classes=True, groups=train.groups, seed=params.seed)[-1]
    chosen = next(rung for rung in rungs if rung.name == ladder["chosen"])
    result["learning_curve"] = learning_curve(
        train.positions, train.y, fold, rungs, chosen, metric, params.seed
    )
    result["fairness"] = []
    result["rule_would_do"] = simple_would_do(ladder)
    write_json(root / METRICS, result)
    data = read_json(root / "reports" / "data.json", "data")
    figures = draw_all(data, ladder, result, root / FIGURES)
    tracking.log_evaluation(
        root, ladder.get("mlflow_run_id"), result["chosen"], [root / METRICS, *figures]
    )
    return result


def per_class(matrix: list[list[int]], classes: list[str]) -> list[dict[str, Any]]:
    """Precision, recall and F1 of each class; null where a class was never answered or met."""
    counts = np.array(matrix)
    rows = []
    for code, name in enumerate(classes):
        hits, met, told = counts[code, code], counts[code].sum(), counts[:, code].sum()
        rows.append(
            {
                "class": name,
                "n": int(met),
                "precision": float(hits / told) if told else None,
                "recall": float(hits / met) if met else None,
                "f1": float(2 * hits / (met + told)) if met + told else None,
            }
        )
    return rows


def simple_would_do(ladder: dict[str, Any]) -> dict[str, Any]:
    """Whether the model that needs no network is within one standard error of the best."""
    rungs = {rung["name"]: rung for rung in ladder["rungs"]}
    simple, best = rungs.get(PIXELS), rungs[ladder["best"]]
    if simple is None:
        return {"answer": False, "sentence": f"“{PIXELS}” was left out, so it is not compared."}
    metric = ladder["metric"]
    answer = best["mean"] - simple["mean"] <= ladder["standard_error"]
    label = metric_label(metric)
    said = (
        f"{'No network is needed' if answer else 'Points alone do not do'}: {PIXELS} has {label} "
        f"{shown(metric, simple['mean'])} in cross-validation, {best['name']} "
        f"{shown(metric, best['mean'])}; one standard error is "
        f"{number(ladder['standard_error'], 2)}."
    )
    frozen = next((rung for name, rung in rungs.items() if name.startswith("frozen ")), None)
    if frozen is not None:
        better = frozen["mean"] > simple["mean"]
        said += (
            f" Transfer from photographs ({frozen['name']}) reaches "
            f"{shown(metric, frozen['mean'])}, "
            f"{'more' if better else 'less'} than {PIXELS} on these pictures."
        )
    return {"answer": bool(answer), "sentence": said}


def _traits(listing: Listing) -> pd.DataFrame:
    """What errors are grouped by: the class, and what the file is like."""
    frame = pd.DataFrame([entry["traits"] for entry in listing.entries])
    frame = frame.astype({name: object for name in frame if frame[name].dtype.kind not in "fi"})
    frame.insert(0, "class", pd.Series([e["class"] for e in listing.entries], dtype=object))
    return frame


def _worst(
    store: Store,
    answers: NDArray[np.float64],
    decided: NDArray[np.int64],
    loss: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """The most confident mistakes, with a small copy of the picture."""
    listing = store.listing
    cases = []
    for row in np.argsort(-loss, kind="stable")[:WORST].tolist():
        entry = listing.entries[row]
        traits = {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in entry["traits"].items()
        }
        cases.append(
            {
                "row": row,
                "truth": entry["class"],
                "prediction": listing.classes[decided[row]],
                "confidence": float(answers[row].max()),
                "truth_probability": float(answers[row, listing.y[row]]),
                "values": {"file": entry["file"], **traits},
                "picture": thumbnail(store.image(row)),
            }
        )
    return cases


def _explanations(
    store: Store,
    predictor: Predictor,
    worst: list[dict[str, Any]],
    answers: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """Where the model looks, in half as many mistakes and as many of its surest right answers."""
    y = store.listing.y
    right = np.flatnonzero(np.argmax(answers, axis=1) == y)
    sure = right[np.argsort(-answers[right].max(axis=1), kind="stable")]
    firsts = [int(sure[y[sure] == code][0]) for code in np.unique(y[sure])]
    wrong = [case["row"] for case in worst if case["truth"] != case["prediction"]]
    rows = [*wrong[: EXPLAINED // 2], *firsts[: EXPLAINED - min(len(wrong), EXPLAINED // 2)]]
    found = []
    for row in rows:
        image = store.image(row)
        code = int(np.argmax(answers[row]))
        heat = occlusion(image, code, predictor.outputs)
        found.append(
            {
                "row": row,
                "truth": store.listing.classes[y[row]],
                "prediction": store.listing.classes[code],
                "confidence": float(answers[row, code]),
                "picture": thumbnail(image),
                "heat": [[round(float(value), 4) for value in line] for line in heat],
            }
        )
    return found


def _robustness(
    stores: dict[str, Store],
    predictor: Predictor,
    rungs: list[Rung],
    ladder: dict[str, Any],
    params: Params,
) -> dict[str, Any]:
    """The table of corruptions, and what training on disturbed pictures brings on the worst."""
    train, test = stores["train"].listing, stores["test"].listing
    picked = np.random.default_rng(params.seed).permutation(len(test))[: robustness.MOST]
    images = [stores["test"].image(int(i)) for i in picked]
    y = test.y[picked]
    rows = robustness.table(images, y, predictor.outputs, params.seed)
    worst = max(rows, key=lambda row: row["drop"])
    content: dict[str, Any] = {"rows": rows, "worst": worst, "answer": None}
    augmented = next((rung for rung in rungs if rung.name == AUGMENTED), None)
    measured = {rung["name"] for rung in ladder["rungs"]}
    if augmented is None or AUGMENTED not in measured or ladder["chosen"] == AUGMENTED:
        return content
    try:
        model: Seen = refit(augmented, rungs, None, train.positions, train.y)
    except RungUnavailable:
        return content
    disturbed = robustness.disturb_all(images, worst, params.seed)
    seen = model.over(np.stack([model.view.extract(image) for image in disturbed]))
    plain = model.over(np.stack([model.view.extract(image) for image in images]))
    places = np.arange(len(images))
    content["answer"] = {
        "rung": AUGMENTED,
        "accuracy": float((seen.predict(places) == y).mean()),
        "accuracy_undisturbed": float((plain.predict(places) == y).mean()),
    }
    return content


def thumbnail(image: Image.Image) -> str:
    """A small copy as a data URL, for the report."""
    small = image.copy()
    small.thumbnail((THUMB, THUMB), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
