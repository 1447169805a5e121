"""What it brings that answers of low confidence go to a person."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def outcome(
    floor: float, confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> dict[str, Any]:
    """What the floor sends to a person on these rows, and how right the answers on each side are.

    Returns
    -------
    dict
        `floor`, the `share` of rows under it, the share of all `mistakes` among them, and
        `accuracy_of_those` and `accuracy_of_the_rest`; null where there is no such row.
    """
    sent = confidence < floor
    return {
        "floor": floor,
        "share": float(sent.mean()),
        "mistakes": None if right.all() else float(sent[~right].mean()),
        "accuracy_of_those": float(right[sent].mean()) if sent.any() else None,
        "accuracy_of_the_rest": float(right[~sent].mean()) if (~sent).any() else None,
    }
