"""Set the test pictures aside, with the shares of the classes kept and groups together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from ..project.errors import UserError


@dataclass(frozen=True)
class Sides:
    """Positions of the pictures of each side, and how they were chosen."""

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    kind: str
    reason: str


def set_aside(
    codes: NDArray[np.int64], groups: NDArray[np.intp], test_size: float, seed: int
) -> Sides:
    """Split rows into training and test.

    Parameters
    ----------
    codes : ndarray of shape (n,)
        Class codes.
    groups : ndarray of shape (n,)
        Rows with the same number stay on one side.
    test_size : float
        Share of the rows in the test set.
    seed : int

    Raises
    ------
    UserError
        If one side would lack all, or training would lack a class.
    """
    distinct = len(np.unique(groups))
    try:
        if distinct == len(codes):
            reason = "Drawn at random with the shares of the classes kept."
            train, test = train_test_split(
                np.arange(len(codes)), test_size=test_size, random_state=seed, stratify=codes
            )
        else:
            reason = (
                "Drawn at random with the shares of the classes kept; pictures that look the same "
                f"or share a group are on one side ({len(codes):,} pictures, {distinct:,} groups)."
            )
            splitter = StratifiedGroupKFold(
                max(2, round(1 / test_size)), shuffle=True, random_state=seed
            )
            train, test = min(
                splitter.split(np.zeros((len(codes), 1)), codes, groups),
                key=lambda sides: abs(len(sides[1]) / len(codes) - test_size),
            )
    except ValueError as error:
        raise UserError(
            f"{len(codes)} pictures of {len(np.unique(codes))} classes cannot be split with "
            f"`split.test_size` {test_size:g}: {error}. Add pictures, or change the size."
        ) from error
    lost = np.setdiff1d(codes, codes[train])
    if len(lost) or not len(test):
        raise UserError(
            f"{len(lost)} classes would have no picture to learn from, since all of theirs look "
            "the same or share a group. Add pictures of them, or unset `data.group`."
        )
    return Sides(np.sort(train), np.sort(test), "stratified", reason)
