"""Set rows of a table aside: by time, by group, or with the shares of the classes kept."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupShuffleSplit,
    StratifiedGroupKFold,
    train_test_split,
)

from ..project.errors import UserError
from .folds import Fold

MOST_STRATIFIED_GROUPS = 2_000  # the stratified search is quadratic in the groups
BINS = 10


@dataclass
class Split:
    """Positions of the rows; with a time, each side is in time order.

    `left_out` counts rows that are on neither side, by reason.
    """

    train: Any
    test: Any
    kind: str
    reason: str
    time: str | None = None
    group: str | None = None
    left_out: dict[str, int] = field(default_factory=dict)


def require_two_classes(split: Split, codes: Any) -> None:
    """Refuse a split whose training rows hold one class only.

    Raises
    ------
    UserError
    """
    if len(np.unique(codes[split.train])) < 2:
        raise UserError(
            f"The training side of the split by {split.kind} holds one class only. Lower "
            "`split.test_size`, unset `data.time` or `data.group`, or load more rows."
        )


def split_by_time(frame: pd.DataFrame, time: str, group: str | None, test_size: float) -> Split:
    """Test on what came last, so that a moment is never on both sides.

    With a group too, rows of a group that is met again in the test period leave training.

    Raises
    ------
    UserError
        If there is no order in time, or hardly a row would be left to learn from.
    """
    moments = frame[time].to_numpy()
    order = np.argsort(moments, kind="stable")
    ordered = moments[order]
    wanted = ordered[round(len(order) * (1 - test_size))]
    cuts = [np.searchsorted(ordered, wanted, side=side) for side in ("left", "right")]
    possible = [int(cut) for cut in cuts if 0 < cut < len(order)]
    if not possible:
        raise UserError(f"`data.time` is {time!r}, which has one value: rows have no order in it.")
    cut = min(possible, key=lambda c: abs(len(order) - c - test_size * len(order)))
    train, test = order[:cut], order[cut:]
    reason = (
        f"Rows are ordered by {time!r} and the last {len(test) / len(order):.0%} are the test set: "
        "the model is judged on a time it has not seen, as it will be when it is used."
    )
    if group is None:
        return Split(train, test, "time", reason, time=time)
    groups = frame[group]
    again = groups.iloc[train].isin(groups.iloc[test].dropna()).to_numpy()
    if again.mean() > 0.9:
        raise UserError(
            f"With both `data.time` ({time!r}) and `data.group` ({group!r}), {again.mean():.0%} of "
            "the earlier rows belong to groups that are met again in the test period and none of "
            "them could be used for training. Unset one of the two."
        )
    lost = {f"earlier rows of test groups ({group})": int(again.sum())} if again.any() else {}
    reason += f" Earlier rows of a {group!r} that is met again in the test set are left out."
    return Split(train[~again], test, "time", reason, time, group, lost)


def split_by_group(
    frame: pd.DataFrame, codes: Any, classes: bool, group: str, test_size: float, seed: int
) -> Split:
    """Keep each group on one side, with the shares of the classes as alike as the groups allow.

    Parameters
    ----------
    frame : DataFrame of n rows
        Holds the column `group`.
    codes : ndarray of shape (n,)
        Class codes or numbers.

    Raises
    ------
    UserError
        If there are fewer than two groups.
    """
    groups, uniques = pd.factorize(frame[group])
    missing = groups < 0
    groups[missing] = len(uniques) + np.arange(missing.sum())  # a row without a group is its own
    distinct = len(np.unique(groups))
    if distinct < 2:
        raise UserError(f"`data.group` is {group!r}, which has one value. Unset it.")
    if distinct == 2:
        values = " and ".join(repr(value) for value in uniques[:2].tolist())
        raise UserError(
            f"`data.group` is {group!r}, and one of its two values ({values}) would be all of the test "
            "set: the other one alone cannot be trained on and validated by group. Load rows of a "
            "third group, or unset `data.group`."
        )
    placeholder = np.zeros((len(codes), 1))
    parts = round(1 / test_size)
    splitter: Any
    if classes and parts <= distinct <= MOST_STRATIFIED_GROUPS:
        splitter = StratifiedGroupKFold(parts, shuffle=True, random_state=seed)
        fits = "with the shares of the classes as alike as the groups allow"
    else:
        splitter = GroupShuffleSplit(1, test_size=test_size, random_state=seed)
        fits = "drawn at random"
    train, test = min(
        splitter.split(placeholder, codes, groups),
        key=lambda sides: abs(len(sides[1]) / len(codes) - test_size),
    )
    reason = (
        f"No {group!r} has rows on both sides ({distinct:,} groups, {fits}): new rows come from "
        "groups the model has not met."
    )
    return Split(train, test, "group", reason, group=group)


def split_at_random(codes: Any, classes: bool, test_size: float, seed: int) -> Split:
    """Draw the test rows at random, with the shares of classes (or of ranges of a number) kept."""
    rows = np.arange(len(codes))
    if classes:
        kind, reason = "stratified", "Drawn at random with the shares of the classes kept."
        strata = codes
    else:
        kind, reason = "random", f"Drawn at random within {BINS} ranges of the target."
        edges = np.unique(np.quantile(codes, np.linspace(0, 1, BINS + 1)[1:-1]))
        strata = np.searchsorted(edges, codes, side="right")
        if np.bincount(strata)[np.unique(strata)].min() < 2:
            strata, reason = None, "Drawn at random."
    train, test = train_test_split(rows, test_size=test_size, random_state=seed, stratify=strata)
    return Split(np.sort(train), np.sort(test), kind, reason)


def folds_by_time(time: NDArray[Any], folds: int, groups: NDArray[Any] | None = None) -> list[Fold]:
    """Blocks of equal size in time order; each fold trains on what came before its validation rows.

    Parameters
    ----------
    time : ndarray of shape (n,)
        A timestamp is never on both sides.
    folds : int
        How many index pairs (train, validation).
    groups : ndarray of shape (n,), optional
        With it, the earlier rows of a validation group leave the training rows.

    Raises
    ------
    UserError
        If the times are too few for two folds, or hardly a row would be left to learn from.
    """
    order = np.argsort(time, kind="stable")
    ordered = time[order]
    targets = np.linspace(0, len(time), folds + 2)[1:-1].astype(int)
    cuts = np.unique(np.searchsorted(ordered, ordered[targets], side="left"))
    cuts = cuts[cuts > 0]
    if len(cuts) < 2:
        raise UserError(
            f"`data.time` has too few distinct values for {folds} folds by time. "
            "Lower `cv.folds`, or unset `data.time`."
        )
    ends = [*cuts[1:], len(time)]
    pairs = [(order[:start], order[start:end]) for start, end in zip(cuts, ends, strict=True)]
    if groups is None:
        return pairs
    kept = [(train[~np.isin(groups[train], groups[rows])], rows) for train, rows in pairs]
    if min(len(train) for train, _ in kept) < 10:
        raise UserError(
            "With both `data.time` and `data.group`, a fold has fewer than 10 training rows left: "
            "nearly every group appears in every period. Unset one of the two."
        )
    return kept
