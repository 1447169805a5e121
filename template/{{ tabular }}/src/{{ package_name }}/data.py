"""The data stage: load, look, check for leaks, set the test rows aside."""

import hashlib
import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandera.errors import SchemaErrors

from . import config, leaks, schema, splits
from .config import Params
from .errors import UserError
from .files import write_bytes, write_json
from .profiling import columns as profiling
from .profiling import contract, datasheet
from .reading import sample, tables
from .settings import Data

logger = logging.getLogger(__name__)

MISSING_POLICY = (
    "Rows without a target{time} are left out and counted. A missing input stays missing in the "
    "files; each fold fills it with the training median (numbers, and a mark that it was missing) "
    "or treats it as a value of its own (categories, text), and the service does the same."
)
MOST_BINS = 30
# `params.yaml` begins with the sample's choices; with another source they name columns that are
# not there.
SAMPLE_CHOICES = {"time": "scheduled_at", "drop": "tail_number", "sensitive": "carrier"}


def run(params: Params, root: Path) -> dict[str, Any]:
    """Run the stage; return the contents of reports/data.json.

    Writes data/train.parquet, data/test.parquet, data/schema.json, reports/data.json and the
    generated block of DATA.md, each whole.

    Raises
    ------
    UserError
        If the table cannot be used; the message says why and what to do.
    """
    table = tables.load(params.data, root, config.environment(root).database_url)
    logger.info("Read %s rows, %s columns from %s.", *_shape(table.frame), table.source)
    params, forgotten = applicable(params, list(table.frame.columns))
    for sentence in forgotten:  # for whoever runs it; the reports speak of their data only
        logger.info("%s", sentence)
    found = profiling.run(table, params.data)
    del table
    description = contract.infer(found.frame, found, params)
    columns = contract.columns_from_frame(description, found.frame)
    _validate(description, columns)
    target = codes(found)
    classes = found.target.classes is not None
    split = splits.split(
        found.frame,
        target,
        classes=classes,
        test_size=params.split.test_size,
        time=params.data.time,
        group=params.data.group,
        seed=params.seed,
    )
    if classes:
        found.warnings += _absent_classes(found, target, split)
    findings = leaks.run(found, split, columns, target, params.seed)
    del columns
    digest = _write_sides(found.frame, split, root)
    write_json(root / "data" / "schema.json", description.to_json())
    report = _report(found, split, findings, target, digest)
    report["about"] = sample.ABOUT if params.data.source == "sample" else None
    write_json(root / "reports" / "data.json", report)
    datasheet.refresh(root, report, params.data)
    _log(report)
    return report


def _shape(frame: pd.DataFrame) -> tuple[str, str]:
    return f"{len(frame):,}", f"{frame.shape[1]:,}"


def applicable(params: Params, known: list[str]) -> tuple[Params, list[str]]:
    """Return the settings without what only the sample has, and a sentence on each.

    Raises
    ------
    UserError
        If `data.time`, `group`, `drop` or `sensitive` names a column that is not there.
    """
    data, changes, said = params.data, {}, []
    if data.source != "sample":
        for key, name in SAMPLE_CHOICES.items():
            value = getattr(data, key)
            if name in known or name not in (value if isinstance(value, list) else [value]):
                continue
            changes[key] = [x for x in value if x != name] if isinstance(value, list) else None
            said.append(f"`data.{key}`: {name} is a column of the sample, not of yours; ignored.")
        kept = [x for x in data.lookups if {*x.key, *x.columns} <= set(known)]
        if len(kept) < len(data.lookups):
            changes["lookups"] = kept
        params, note = _own_rule(params, known)
        said += note
    data = data.model_copy(update=changes)
    for key in ("time", "group"):
        if getattr(data, key) is not None:
            profiling.require(getattr(data, key), known, f"data.{key}")
    for key in ("drop", "sensitive"):
        for name in getattr(data, key):
            profiling.require(name, known, f"data.{key}")
    _refuse_target(data)
    return params.model_copy(update={"data": data}), said


def _own_rule(params: Params, known: list[str]) -> tuple[Params, list[str]]:
    rule = params.ladder.rule or ""
    if rule.split(".")[0] != SAMPLE_CHOICES["time"] or SAMPLE_CHOICES["time"] in known:
        return params, []
    ladder = params.ladder.model_copy(update={"rule": None})
    note = f"`ladder.rule`: {rule} is a feature of the sample; the best one is picked."
    return params.model_copy(update={"ladder": ladder}), [note]


def _refuse_target(data: Data) -> None:
    for key in ("time", "group"):
        if getattr(data, key) == data.target:
            raise UserError(f"`data.{key}` is {data.target!r}, which is the target. Unset it.")
    if data.target in data.drop:
        raise UserError(f"`data.drop` lists the target {data.target!r}. Take it off the list.")
    if data.time in data.drop:
        raise UserError(f"`data.drop` lists {data.time!r}, the `data.time`. Unset one of the two.")


def _validate(description: schema.Schema, columns: dict[str, Any]) -> None:
    """Check the training rows against the schema inferred from them: it must accept them."""
    try:
        contract.pandera_schema(description).validate(contract.typed_frame(columns), lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases[["column", "check", "failure_case"]].head(5)
        raise UserError(f"The table does not fit its own schema:\n{cases.to_string()}") from error


def codes(found: profiling.Profile) -> Any:
    """Class codes (int64) in the order of `classes`, or the numbers (float64); shape (n,)."""
    target = found.target
    if target.classes is None:
        return np.asarray(target.values, dtype=np.float64)
    order = {label: code for code, label in enumerate(target.classes)}
    positions, uniques = pd.factorize(target.values)
    return np.array([order[label] for label in uniques], dtype=np.int64)[positions]


def _absent_classes(found: profiling.Profile, codes: Any, split: splits.Split) -> list[str]:
    said = []
    for side, rows in (("training", split.train), ("test", split.test)):
        present = set(np.unique(codes[rows]))
        absent = [str(c) for i, c in enumerate(found.target.classes or []) if i not in present]
        if absent:
            said.append(
                f"Class {', '.join(absent)} has no row on the {side} side of the {split.kind} split."
            )
    return said


def _write_sides(frame: pd.DataFrame, split: splits.Split, root: Path) -> str:
    digest = hashlib.sha256()
    for name, rows in (("train", split.train), ("test", split.test)):
        buffer = io.BytesIO()
        frame.iloc[rows].reset_index(drop=True).to_parquet(buffer, index=False)
        content = buffer.getvalue()
        digest.update(content)
        write_bytes(root / "data" / f"{name}.parquet", content)
    return digest.hexdigest()


def _report(
    found: profiling.Profile,
    split: splits.Split,
    findings: list[leaks.Finding],
    codes: Any,
    digest: str,
) -> dict[str, Any]:
    target, numeric = found.target, found.target.classes is None
    dropped = found.rows_dropped | split.left_out
    time = found.frame[split.time] if split.time else None

    def side(rows: Any) -> dict[str, Any]:
        result: dict[str, Any] = {"rows": len(rows)}
        if time is not None:
            result |= {"from": _moment(time.iloc[rows].min()), "to": _moment(time.iloc[rows].max())}
        return result

    missing_time = " or a time" if split.time else ""
    return {
        "source": found.source,
        "rows_read": found.rows_read,
        "rows_used": len(split.train) + len(split.test),
        "rows_dropped": dropped,
        "columns": [column.to_json() for column in found.columns],
        "target": {
            "name": target.name,
            "task": target.task,
            "task_reason": target.reason,
            "classes": target.counts,
            "positive": target.positive,
            "positive_reason": target.positive_reason,
            "min": float(codes.min()) if numeric else None,
            "max": float(codes.max()) if numeric else None,
            "mean": float(codes.mean()) if numeric else None,
            "histogram": _histogram(codes) if numeric else None,
            "missing": found.rows_dropped.get("missing target", 0),
        },
        "missing_policy": MISSING_POLICY.format(time=missing_time),
        "split": {
            "kind": split.kind,
            "reason": split.reason,
            "train": side(split.train),
            "test": side(split.test),
        },
        "leaks": [finding.to_json() for finding in findings],
        "warnings": found.warnings,
        "sha256": digest,
    }


def _histogram(numbers: Any) -> dict[str, list[float]] | None:
    """Counts of the target in bins of equal width; None where the width has no float64."""
    if not np.isfinite(numbers.max() - numbers.min()):
        return None
    counts, edges = np.histogram(numbers, bins=min(MOST_BINS, len(np.unique(numbers))))
    return {"edges": edges.tolist(), "counts": counts.tolist()}


def _moment(value: Any) -> str | float:
    return value.isoformat() if hasattr(value, "isoformat") else float(value)


def _log(report: dict[str, Any]) -> None:
    for column in report["columns"]:
        if not column["used"] and column["reason"] != "target":
            logger.info("Not used: %s (%s).", column["name"], column["reason"])
    for why, count in report["rows_dropped"].items():
        logger.info("Left out %s rows: %s.", f"{count:,}", why)
    target = report["target"]
    logger.info("Task: %s (%s).", target["task"], target["task_reason"])
    if target["positive"] is not None:
        logger.info("Positive class: %s (%s).", target["positive"], target["positive_reason"])
    split = report["split"]
    logger.info(
        "Split %s: %s training rows, %s test rows.",
        split["kind"],
        f"{split['train']['rows']:,}",
        f"{split['test']['rows']:,}",
    )
    for sentence in report["warnings"]:
        logger.warning("%s", sentence)
    for finding in report["leaks"]:
        if finding["status"] != "passed":
            logger.warning(
                "Leak check %s %s: %s %s",
                finding["check"],
                "failed" if finding["status"] == "failed" else "warns",
                finding["detail"],
                finding["remedy"],
            )
