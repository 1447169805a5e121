"""Put a trained model where it is served, after comparing its exported form with the trained one."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..profiling.datasheet import meanings
from ..project.errors import UserError
from ..project.files import write_json
from ..reading.settings import Lookup
from ..training.bundle import BUNDLE, check_parity, replacing
from ..training.scoring import predict_scores
from .dataset import Table, columns_of
from .encoder import Encoder
from .explanation import made_up, references_of, usual
from .export import write_model
from .predictor import Predictor

logger = logging.getLogger(__name__)

PACKAGES = ("scikit-learn", "lightgbm", "numpy", "pandas", "skl2onnx", "onnxruntime")
PARITY_ROWS = 1000


def write_bundle(
    root: Path,
    table: Table,
    encoder: Encoder,
    model: Any,
    metadata: dict[str, Any],
    held_out: pd.DataFrame,
    lookups: Sequence[Lookup],
    home: Path = BUNDLE,
    ladder: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write a whole bundle, check it against the trained model, and put it at `home`.

    Parameters
    ----------
    root : Path
        The project's folder.
    table : Table
        The rows that were learnt from.
    encoder : Encoder
        Fitted.
    model : estimator
        Fitted on the encoded rows.
    metadata : dict
        What is known of the model; the rest is added.
    held_out : DataFrame
        Typed inputs on which both forms of the model are compared.
    lookups : sequence of Lookup
        Columns that the snapshot keeps.
    home : Path
        Under `root`.
    ladder : dict, optional
        The comparison that the model comes from, put in place with it.

    Returns
    -------
    dict
        The bundle's metadata.

    Raises
    ------
    UserError
        If the exported model differs from the trained one; what was at `home` stays.
    """
    held_out = held_out[:PARITY_ROWS]
    metadata |= {"trained": _span(table), "schema": table.schema.to_json()}
    metadata |= {"features": encoder.names_}
    with replacing(root, home, ladder) as work:
        metadata |= write_model(model, len(encoder.names_), work)
        if metadata["format"] == "skops":
            logger.warning("%s. It is served by scikit-learn.", metadata["format_reason"])
        snapshot = _snapshot(table, lookups)
        metadata["lookups_as_of"] = snapshot["as_of"]
        write_json(work / "encoder.json", encoder.state())
        write_json(work / "lookups.json", snapshot)
        write_json(work / "references.json", references_of(columns_of(table.x), encoder.kinds))
        write_json(work / "metadata.json", metadata)
        metadata["parity"] = {
            "rows": len(held_out),
            "largest_difference": _parity(work, encoder, model, held_out, table),
        }
        predictor = Predictor.load(work, encoder.derive)
        metadata["examples"] = made_up(predictor)
        metadata["usual"] = usual(predictor.references or {})
        metadata["meanings"] = meanings(root, encoder.kinds)
        write_json(work / "metadata.json", metadata)
    return metadata


def _parity(
    folder: Path, encoder: Encoder, model: Any, held_out: pd.DataFrame, table: Table
) -> float:
    predictor = Predictor.load(folder, encoder.derive)
    filled = predictor.fill(columns_of(held_out))
    classes = len(table.schema.target.classes or ())
    expected = predict_scores(model, encoder.transform(filled), classes)
    served = predictor.outputs(filled)
    if table.is_classes:
        return check_parity(expected, served)
    return check_parity(expected, served.ravel(), scale=float(np.std(table.y)) or 1.0)


def _span(table: Table) -> dict[str, Any]:
    """How many rows were learnt from, and from when to when they are."""
    if table.time is None:
        return {"rows": len(table.y), "from": None, "to": None}
    first, last = (
        float(moment) if isinstance(moment, np.number) else pd.Timestamp(moment).isoformat()
        for moment in (np.min(table.time), np.max(table.time))
    )
    return {"rows": len(table.y), "from": first, "to": last}


def _snapshot(table: Table, lookups: Sequence[Lookup]) -> dict[str, Any]:
    """The latest value of each looked-up column by key, as the training rows knew it."""
    tables = []
    used = {column.name for column in table.schema.columns}
    for lookup in lookups:
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
