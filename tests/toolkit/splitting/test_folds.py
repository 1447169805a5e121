"""No fold looks into the future, and no group is on both sides."""

import numpy as np
import pandas as pd
import pytest
from toolkit.project.errors import UserError
from toolkit.splitting.folds import make_folds
from toolkit.splitting.tables import folds_by_time, split_by_group

Y = np.tile([0, 0, 0, 1], 50)


def test_time_folds_train_on_the_past_only():
    time = np.random.default_rng(0).permutation(len(Y)).astype("datetime64[D]")
    folds = folds_by_time(time, 5)
    assert len(folds) == 5
    for train, validation in folds:
        assert time[train].max() < time[validation].min()


def test_equal_timestamps_stay_on_one_side():
    time = np.repeat(np.arange(8), 25).astype("datetime64[D]")
    for train, validation in folds_by_time(time, 3):
        assert not set(time[train]) & set(time[validation])


def test_every_later_row_is_validated_once():
    time = np.arange(len(Y)).astype("datetime64[D]")
    folds = folds_by_time(time, 5)
    rows = np.concatenate([validation for _, validation in folds])
    assert len(rows) == len(set(rows))
    assert rows.max() == len(Y) - 1


@pytest.mark.parametrize("classes", [True, False])
def test_groups_stay_together(classes):
    groups = np.random.default_rng(0).integers(0, 30, len(Y))
    for train, validation in make_folds(Y, 5, classes=classes, groups=groups):
        assert not set(groups[train]) & set(groups[validation])


def test_time_and_group_hold_at_once():
    time = np.arange(len(Y)).astype("datetime64[D]")
    groups = np.arange(len(Y)) // 7
    for train, validation in folds_by_time(time, 3, groups):
        assert time[train].max() < time[validation].min()
        assert not set(groups[train]) & set(groups[validation])


def test_class_shares_are_alike():
    for train, _ in make_folds(Y, 5, classes=True):
        assert np.mean(Y[train]) == pytest.approx(0.25, abs=0.01)


def test_one_group_cannot_be_held_out():
    with pytest.raises(UserError, match=r"data\.group"):
        make_folds(Y, 5, classes=True, groups=np.zeros(len(Y)))


def test_one_moment_cannot_be_split():
    with pytest.raises(UserError, match=r"data\.time"):
        folds_by_time(np.zeros(len(Y), "datetime64[D]"), 5)


def test_two_groups_are_too_few_and_it_is_said_why():
    frame = pd.DataFrame({"site": ["N", "S"] * 50})
    with pytest.raises(
        UserError, match=r"one of its two values \('N' and 'S'\) would be all of the"
    ):
        split_by_group(frame, Y[:100], True, "site", 0.2, 0)
