"""A test set of the size that was asked for, or a reason in words of this project."""

import re

import numpy as np
import pytest
from toolkit.project.errors import UserError
from toolkit.splitting.images import split_given, split_stratified


def test_a_split_far_from_its_share_is_refused_with_the_reason() -> None:
    codes = np.tile([0, 1], 60)
    groups = np.arange(120)
    groups[:110] = 0
    with pytest.raises(UserError, match=r"largest group .* has 110 images"):
        split_stratified(codes, groups, 0.2, 0)
    groups = np.arange(120) // 2 * 2
    split = split_stratified(codes, groups, 0.2, 0)
    assert 20 <= len(split.test) <= 28


@pytest.mark.parametrize(
    ("groups", "size", "words"),
    [
        (np.zeros(40, dtype=int), 0.2, "they are 1 groups"),
        (np.arange(40) % 3, 0.2, "they are 3 groups"),
        (np.arange(40), 0.01, "fewer images than there are classes"),
        (np.arange(40), 0.99, "fewer images than there are classes"),
    ],
)
def test_no_message_is_another_library_s(groups: np.ndarray, size: float, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        split_stratified(np.tile([0, 1], 20), groups, size, 0)
    assert "n_splits" not in str(caught.value)
    assert "number of splits" not in str(caught.value)


def test_training_loses_what_the_given_test_set_shows() -> None:
    subsets = ["train"] * 6 + ["test"] * 2
    split = split_given(
        subsets, np.array([0, 1, 0, 1, 0, 1, 0, 1]), np.array([0, 1, 2, 3, 4, 5, 4, 7])
    )
    assert split.train.tolist() == [0, 1, 2, 3, 5]
    assert split.test.tolist() == [6, 7]
    with pytest.raises(UserError, match="1 classes would have no image"):
        split_given(["train", "train", "test"], np.array([0, 1, 1]), np.array([0, 1, 1]))
