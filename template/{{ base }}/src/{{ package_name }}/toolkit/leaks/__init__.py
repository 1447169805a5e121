"""Hunt for leaks: columns that know the target, and rows that know the test set."""

from typing import Any

import numpy as np

from ..profiling.columns import Profile
from ..splitting.tables import Split
from .across_split import duplicates_across_split, entities_across_split, random_folds_with_time
from .arithmetic import target_arithmetic
from .finding import Finding
from .single_column import constant_within_target, single_feature

__all__ = ["Finding", "run"]

SAMPLE_ROWS = 20_000


def run(
    profile: Profile, split: Split, columns: dict[str, Any], codes: Any, seed: int = 0
) -> list[Finding]:
    """Run every check.

    Checks that fit something look at up to 20,000 training rows; the others at all rows.

    Parameters
    ----------
    profile : Profile
    split : Split
        Positions in `profile.frame`.
    columns : dict of str to ndarray of shape (n,)
        The used columns, as `contract.columns_from_frame` gives them.
    codes : ndarray of shape (n,)
        Class codes or the numbers of the target.
    seed : int

    Returns
    -------
    list of Finding
        One or more a check, in a fixed order; a check without findings has one that passed.
    """
    kinds: dict[str, str] = {column.name: column.kind for column in profile.columns}
    rows = split.train
    if len(rows) > SAMPLE_ROWS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SAMPLE_ROWS, replace=False))
    sampled = {name: array[rows] for name, array in columns.items()}
    task = profile.target.task
    return [
        single_feature(sampled, kinds, codes[rows], task, seed),
        target_arithmetic(sampled, kinds, codes[rows], task, profile.target.name, seed),
        duplicates_across_split(profile, split, list(columns)),
        entities_across_split(profile, split),
        random_folds_with_time(profile, split),
        constant_within_target(columns, codes, profile.target),
    ]
