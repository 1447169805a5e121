"""Cross-validation folds that keep the promise of the split: groups together, class shares alike."""

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
        Keep the class shares alike in all folds.
    groups : ndarray of shape (n,), optional
        No group is on both sides.

    Raises
    ------
    UserError
        If the rows or groups are too few for two folds.
    """
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
