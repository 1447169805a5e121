"""The stage `train`: climb the ladder, choose by the rule, refit, export, log."""

import hashlib
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from . import bundle, tracking
from .bundle import LADDER, check_parity
from .config import Params
from .data import applicable
from .encoding import Encoder
from .errors import UserError
from .export import write_model
from .files import write_json
from .folds import make_folds
from .ladder import Climb, Rung, answers_of, climb, refit
from .rungs import make_rungs
from .serving.predictor import Predictor
from .study.review import confidence_floor
from .study.threshold import cheapest_threshold
from .table import Table, columns_of, encoder_for, read_rows, read_table

log = logging.getLogger(__name__)
PACKAGES = ("scikit-learn", "lightgbm", "numpy", "pandas", "skl2onnx", "onnxruntime")
DEFAULT_METRIC = {"binary": "roc_auc", "multiclass": "f1_macro", "regression": "r2"}
PARITY_ROWS = 1000


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
    table = read_table(root, "train")
    params, _ = applicable(params, list(table.raw.columns))
    task = table.schema.target.task
    metric = DEFAULT_METRIC[task] if params.metric == "auto" else params.metric
    encoder = encoder_for(table.schema)
    rungs = make_rungs(task, len(table.y), params.ladder.rule, params.ladder.skip, params.seed)
    folds = make_folds(
        table.y,
        params.cv.folds,
        classes=table.is_classes,
        time=table.time,
        groups=table.groups,
        seed=params.seed,
    )
    with tqdm(total=len(folds) * len(rungs), desc="climbing", unit="fit") as bar:

        def on_step(name: str) -> None:
            bar.set_postfix_str(name)
            bar.update()

        climbed = climb(rungs, table.x, table.y, folds, metric, encoder, on_step)
    ladder = climbed.to_json()
    write_json(root / LADDER, ladder)
    chosen = climbed.chosen.rung
    if chosen is rungs[0]:
        raise UserError(
            f"Nothing beats `{chosen.name}`: {climbed.best.rung.name} has {metric} "
            f"{climbed.best.mean:.3f} against {climbed.results[0].mean:.3f}, within one standard "
            "error. No model was put in place, since none would be worth serving. Look for better "
            f"features or more rows; {LADDER} has every score."
        )
    # Inputs only: the labels of the test rows stay closed.
    held_out = read_rows(root, "test", table.schema)
    metadata = bundle.provenance(root, PACKAGES)
    _refit_and_write(root, params, table, climbed, rungs, held_out, metadata, bundle.BUNDLE)
    tags = {"data_sha256": metadata["data_sha256"], "git_commit": metadata["git_commit"] or "none"}
    ladder["mlflow_run_id"] = tracking.log_climb(
        root, params, climbed, {**tags, "model_version": metadata["model_version"]}, [root / LADDER]
    )
    write_json(root / LADDER, ladder)
    return ladder


def again(
    root: Path, params: Params, table: Table, held_out: pd.DataFrame, rung: str, home: Path
) -> dict[str, Any]:
    """Fit one rung on other rows, without a climb, and put the bundle at `home`.

    The rung is scored beside the first one on folds of these rows, which give its threshold or
    interval; the others are not fitted.

    Parameters
    ----------
    root : Path
    params : Params
    table : Table
        Rows to learn from, in time order if they have a time.
    held_out : DataFrame
        Typed inputs on which the exported model is compared with the trained one.
    rung : str
        Its name on the ladder.
    home : Path
        Where the bundle goes, under `root`.

    Returns
    -------
    dict
        The bundle's metadata.

    Raises
    ------
    UserError
        If the ladder has no such rung, or the exported model differs from the trained one.
    """
    params, _ = applicable(params, list(table.raw.columns))
    task = table.schema.target.task
    rungs = make_rungs(task, len(table.y), params.ladder.rule, [], params.seed)
    chosen = next((each for each in rungs if each.name == rung), None)
    if chosen is None:
        raise UserError(
            f"The ladder has no rung {rung!r}; it has: {', '.join(each.name for each in rungs)}."
        )
    kept = [each for each in rungs if each in (rungs[0], chosen) or each.name in chosen.members]
    folds = make_folds(
        table.y,
        params.cv.folds,
        classes=table.is_classes,
        time=table.time,
        groups=table.groups,
        seed=params.seed,
    )
    metric = DEFAULT_METRIC[task] if params.metric == "auto" else params.metric
    climbed = climb(kept, table.x, table.y, folds, metric, encoder_for(table.schema))
    climbed.results = [result for result in climbed.results if result.rung is chosen]
    digest = hashlib.sha256(pd.util.hash_pandas_object(table.raw, index=False).to_numpy().tobytes())
    metadata = bundle.provenance(root, PACKAGES, digest.hexdigest())
    return _refit_and_write(root, params, table, climbed, kept, held_out, metadata, home)


def _refit_and_write(
    root: Path,
    params: Params,
    table: Table,
    climbed: Climb,
    rungs: list[Rung],
    held_out: pd.DataFrame,
    metadata: dict[str, Any],
    home: Path,
) -> dict[str, Any]:
    """Fit the chosen rung on all rows and put its bundle at `home`."""
    encoder = encoder_for(table.schema).fit(table.x, table.y)
    model = refit(climbed.chosen.rung, rungs, encoder, encoder.transform(table.x), table.y)
    metadata |= {**_description(table, climbed, params), "features": encoder.names_}
    with bundle.replacing(root, home) as work:
        _write_bundle(work, params, table, encoder, model, metadata, held_out[:PARITY_ROWS])
    return metadata


def _write_bundle(
    work: Path,
    params: Params,
    table: Table,
    encoder: Encoder,
    model: Any,
    metadata: dict[str, Any],
    held_out: pd.DataFrame,
) -> None:
    """Write a whole bundle to `work` and check it against the trained model."""
    matrix = encoder.transform(table.x[:1])
    metadata |= write_model(model, matrix.shape[1], work)
    if metadata["format"] == "skops":
        log.warning("%s. It is served by scikit-learn.", metadata["format_reason"])
    snapshot = _snapshot(table, params)
    metadata["lookups_as_of"] = snapshot["as_of"]
    write_json(work / "encoder.json", encoder.state())
    write_json(work / "lookups.json", snapshot)
    write_json(work / "metadata.json", metadata)
    metadata["parity"] = {
        "rows": len(held_out),
        "largest_difference": _parity(work, encoder, model, held_out, table),
    }
    write_json(work / "metadata.json", metadata)


def _parity(
    folder: Path, encoder: Encoder, model: Any, held_out: pd.DataFrame, table: Table
) -> float:
    predictor = Predictor.load(folder)
    filled = predictor.fill(columns_of(held_out))
    expected = answers_of(model, encoder.transform(filled), len(table.schema.target.classes or ()))
    served = predictor.outputs(filled)
    if table.is_classes:
        return check_parity(expected, served)
    return check_parity(expected, served.ravel(), scale=float(np.std(table.y)) or 1.0)


def _description(table: Table, climbed: Climb, params: Params) -> dict[str, Any]:
    chosen, target = climbed.chosen, table.schema.target
    rows = np.concatenate([validation for _, validation in climbed.folds])
    answers = np.concatenate(chosen.predictions)
    truth = table.y[rows]
    threshold = interval = floor = None
    if target.task == "regression":
        interval = [float(q) for q in np.quantile(truth - answers, [0.05, 0.95])]
    else:
        if target.task == "binary":
            positive = 1  # the data stage puts the positive class second
            threshold = cheapest_threshold(
                truth == positive,
                answers[:, positive],
                params.costs.false_positive,
                params.costs.false_negative,
            )
        floor = confidence_floor(params.review.confidence_floor, answers, truth)
    return {
        "task": target.task,
        "target": target.name,
        "classes": target.classes,
        "positive": target.positive,
        "threshold": threshold,
        "interval": interval,
        "confidence_floor": floor,
        "rung": chosen.rung.name,
        "rung_reason": chosen.rung.reason,
        "metrics": {"metric": climbed.metric, "cv_mean": chosen.mean, "cv_std": chosen.std},
        "trained": _span(table),
        "schema": table.schema.to_json(),
    }


def _span(table: Table) -> dict[str, Any]:
    """How many rows were learnt from, and from when to when they are."""
    if table.time is None:
        return {"rows": len(table.y), "from": None, "to": None}
    first, last = (
        float(moment) if isinstance(moment, np.number) else pd.Timestamp(moment).isoformat()
        for moment in (np.min(table.time), np.max(table.time))
    )
    return {"rows": len(table.y), "from": first, "to": last}


def _snapshot(table: Table, params: Params) -> dict[str, Any]:
    """The latest value of each looked-up column by key, as the training rows knew it."""
    tables = []
    used = {column.name for column in table.schema.columns}
    for lookup in params.data.lookups:
        unknown = [name for name in (*lookup.key, *lookup.columns) if name not in used]
        if unknown:
            raise UserError(
                f"`data.lookups` names {unknown[0]!r}, which is not a column the model uses. "
                f"Columns: {', '.join(sorted(used))}."
            )
        known = table.x[[*lookup.key, *lookup.columns]].dropna(subset=lookup.key)
        latest = known.groupby(lookup.key, sort=True)[lookup.columns].last()
        rows = [
            [list(key if isinstance(key, tuple) else (key,)), [_plain(value) for value in values]]
            for key, values in zip(latest.index, latest.to_numpy(dtype=object), strict=True)
        ]
        tables.append({"key": lookup.key, "columns": lookup.columns, "rows": rows})
    as_of = None
    if tables and table.time is not None:
        as_of = pd.Timestamp(np.max(table.time)).isoformat()
    return {"as_of": as_of, "tables": tables}


def _plain(value: Any) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return float(value) if isinstance(value, (int, float, np.number)) else str(value)
