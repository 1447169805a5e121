"""What the two sides of the split share."""

from typing import Any

import numpy as np
import pandas as pd

from ..profiling.columns import Profile
from ..profiling.describing import ColumnProfile
from ..profiling.kinds import ID_NAME
from ..splitting.tables import Split
from .finding import Finding


def duplicates_across_split(profile: Profile, split: Split, used: list[str]) -> Finding:
    """Count test rows of which an exact copy, target included, is in training."""
    names = [*used, profile.target.name]
    hashes = pd.util.hash_pandas_object(profile.frame[names], index=False).to_numpy()
    copies = int(np.isin(hashes[split.test], hashes[split.train]).sum())
    share = copies / len(split.test)
    if not copies:
        return Finding(
            "duplicates-across-split", "passed", "No test row is a copy of a training row."
        )
    detail = (
        f"{copies:,} of {len(split.test):,} test rows ({share:.1%}) are copies of training rows"
    )
    by_name = {column.name: column for column in profile.columns}
    rich = any(
        by_name[n].kind in ("number", "date", "text") and by_name[n].distinct > 0.1 * len(hashes)
        for n in used
    )
    if not rich:
        return Finding(
            "duplicates-across-split",
            "warning" if share > 0.05 else "passed",
            f"{detail}; the columns take few values, so equal rows are to be expected.",
        )
    return Finding(
        "duplicates-across-split",
        "failed" if share > 0.05 and copies >= 10 else "warning",
        f"{detail}, in a table whose rows are otherwise different.",
        [],
        "Remove the copies from the source, or name the column that tells which rows belong "
        "together as `data.group`.",
    )


def entities_across_split(profile: Profile, split: Split) -> Finding:
    """Look for entities (patients, customers, machines) with rows on both sides."""
    check = "entities-across-split"
    if split.group:
        shared = _shared(profile, split, split.group)
        if shared:
            return Finding(
                check,
                "failed",
                f"{shared:,} values of {split.group!r} are on both sides of the split.",
                [split.group],
                "This is a fault of the split: run `data` again and report it.",
            )
        return Finding(check, "passed", f"No value of {split.group!r} is on both sides.")
    suspects = [column for column in profile.columns if _is_entity(column, profile)]
    shared_by = {c.name: _shared(profile, split, c.name) for c in suspects}
    found = {name: count for name, count in shared_by.items() if count}
    if not found:
        return Finding(check, "passed", "No column of repeated identifiers is on both sides.")
    listed = ", ".join(f"{name!r} ({count:,})" for name, count in found.items())
    if split.time:
        return Finding(
            check,
            "passed",
            f"The same entities are met before and after the cut ({listed}), as they are when the "
            "model is used: the split is by time.",
            list(found),
        )
    return Finding(
        check,
        "warning",
        f"Entities with rows on both sides: {listed}. The model may remember them.",
        list(found),
        f"If new rows will come from new ones, set `data.group: {next(iter(found))}`.",
    )


def _is_entity(column: ColumnProfile, profile: Profile) -> bool:
    """Whether a column repeats each of many values a few times, as rows of one entity do."""
    if column.name == profile.target.name or column.distinct < 20:
        return False
    present = column.rows - column.missing
    a_value = present / column.distinct
    if a_value < 1.2:
        return False
    if ID_NAME.search(column.name):
        return column.kind in ("category", "text") or column.integer
    if column.kind == "category":
        return a_value <= 20 and column.distinct >= 0.05 * present
    counted = column.integer and column.min in (0, 1)
    return counted and column.max - column.min == column.distinct - 1 and a_value <= 20


def _shared(profile: Profile, split: Split, name: str) -> int:
    values = profile.frame[name]
    train = pd.unique(values.iloc[split.train].dropna())
    return int(np.isin(pd.unique(values.iloc[split.test].dropna()), train).sum())


def random_folds_with_time(profile: Profile, split: Split) -> Finding:
    """Warn of a date that the split and the folds do not respect."""
    check = "random-folds-with-time"
    if split.time:
        times: Any = profile.frame[split.time]
        last, first = times.iloc[split.train].max(), times.iloc[split.test].min()
        if last >= first:
            return Finding(
                check,
                "failed",
                f"Training reaches {last}, past the first test row of {first}.",
                [split.time],
                "This is a fault of the split: run `data` again and report it.",
            )
        return Finding(
            check, "passed", f"Every test row is later than {last}; the folds go by time too."
        )
    dates = [c.name for c in profile.columns if c.kind == "date" and c.distinct > 1]
    if not dates:
        return Finding(check, "passed", "No column holds dates.")
    return Finding(
        check,
        "warning",
        f"{', '.join(map(repr, dates))} holds dates, and the rows are split {split.kind}: a model "
        "that learns from later rows looks better than it will be.",
        dates,
        f"If rows arrive over time, set `data.time: {dates[0]}`.",
    )
