"""What intervals take thousands of is scikit-learn's number, and cannot be had of one class."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from toolkit.project.errors import UserError
from toolkit.training.scoring import score_predictions

RNG = np.random.default_rng(0)
Y = (RNG.random(500) < 0.3).astype(np.int64)


@pytest.mark.parametrize("digits", [0, 1, 15])  # with ties and without
def test_the_area_by_ranks_is_that_of_scikit_learn(digits):
    positive = np.round(np.clip(0.3 * Y + RNG.random(500), 0, 1), digits)
    given = np.column_stack([1 - positive, positive])
    score = score_predictions("roc_auc", given, Y)
    assert score == pytest.approx(roc_auc_score(Y, positive), abs=1e-12)


@pytest.mark.parametrize("value", [0.5, np.nan])
def test_no_area_of_one_class_or_of_no_number(value):
    given, y = np.full((500, 2), value), Y if np.isnan(value) else np.zeros(500, int)
    with pytest.raises(UserError, match="roc_auc"):
        score_predictions("roc_auc", given, y)
