"""Cross-validation folds that keep the promise of the split: time respected, groups together."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from ..project.errors import UserError

Fold = tuple[NDArray[np.intp], NDArray[np.intp]]


def make_folds(
    y: NDArray[Any],
    folds: int,
    *,
    classes: bool,
    time: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    seed: int = 0,
) -> list[Fold]:
    """Index pairs (train, validation) that every rung shares.

    Parameters
    ----------
    y : ndarray of shape (n,)
        The target; class codes when `classes` is true.
    folds : int
        How many pairs. Fewer are made when there are fewer groups.
    classes : bool
        Keep the class shares alike in all folds (ignored when `time` is given).
    time : ndarray of shape (n,), optional
        With it the window expands: each fold trains on what came before its validation rows.
    groups : ndarray of shape (n,), optional
        No group is on both sides. With `time` too, the earlier rows of a validation group leave
        the training side.

    Raises
    ------
    UserError
        If the rows, times or groups are too few for two folds.
    """
    if time is not None:
        pairs = _expanding(time, folds)
        return pairs if groups is None else [_apart(pair, groups) for pair in pairs]
    placeholder = np.zeros((len(y), 1))
    if groups is None:
        plain = StratifiedKFold if classes else KFold
        splitter = plain(folds, shuffle=True, random_state=seed)
    else:
        distinct = len(np.unique(groups))
        if distinct < 2:
            raise UserError("`data.group` has one value, so no group can be held out. Unset it.")
        folds = min(folds, distinct)
        splitter = (
            StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
            if classes
            else GroupKFold(folds, shuffle=True, random_state=seed)
        )
    with warnings.catch_warnings():
        # A class with fewer rows than folds is reported by the data stage already.
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(splitter.split(placeholder, y, groups))


def _expanding(time: NDArray[Any], folds: int) -> list[Fold]:
    """Blocks of equal size in time order; a timestamp is never on both sides."""
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
    return [(order[:start], order[start:end]) for start, end in zip(cuts, ends, strict=True)]


def _apart(pair: Fold, groups: NDArray[Any]) -> Fold:
    train, validation = pair
    kept = train[~np.isin(groups[train], groups[validation])]
    if len(kept) < 10:
        raise UserError(
            "With both `data.time` and `data.group`, a fold has fewer than 10 training rows left: "
            "nearly every group appears in every period. Unset one of the two."
        )
    return kept, validation
