"""Why a prediction is what it is: Shapley values of the columns, sampled the same way everywhere.

The value of a set of columns is the mean output when the others take reference values (the interventional
game of Janzing, Minorics and Blöbaum 2020, with each column's references drawn on their own, so that no
row of the training data is kept). Permutations are sampled in antithetic pairs (Mitchell, Cooper, Frank
and Holmes 2022, "Sampling Permutations for Shapley Value Estimation"), and each column goes through its
references equally often (a Latin hypercube), so that what is additive comes out exactly. The site's
`model.js` does the same with the same generator: one record has one explanation.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..profiling.schema import as_array, columns_from_records
from ..reading.parsing import converter

if TYPE_CHECKING:
    from .predictor import Predictor

REFERENCES = 50  # a column: its quantiles in the middle of fifty equal parts
MOST_COLUMNS = 100  # 2 * 100 * 101 rows: half a second with the flights' soft vote
MOST_ROWS = 30_000
MOST_ROUNDS = 32
DRAWN = 400  # records, of which some are shown as examples
SEED = 1
_U32 = 0xFFFFFFFF

Columns = dict[str, NDArray[Any]]


def references_of(columns: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, list[Any]]:
    """The quantiles of each column on its own, missing values last, as JSON.

    A text is not kept, since one would show what somebody wrote: its reference is to be empty.

    Parameters
    ----------
    columns : mapping of str to array-like of shape (n,)
        The training rows, typed as the schema says.
    kinds : dict of str to str
    """
    found = {}
    for name, kind in kinds.items():
        values = np.asarray(columns[name])
        if kind == "text" or not len(values):
            found[name] = [None] * REFERENCES
            continue
        missing = values == None if values.dtype == object else values != values  # noqa: E711
        present = np.sort(values[~missing].astype(str) if kind == "category" else values[~missing])
        places = ((np.arange(REFERENCES) + 0.5) / REFERENCES * len(values)).astype(int)
        found[name] = [
            None if place >= len(present) else _plain(present[place], kind)
            for place in places.tolist()
        ]
    return found


def _plain(value: Any, kind: str) -> Any:
    if kind == "date":
        return str(np.datetime64(value, "us"))
    return str(value) if kind == "category" else float(value)


def usual(references: Mapping[str, list[Any]]) -> dict[str, list[float]]:
    """The lower 5%, the middle and the upper 5% of each column of numbers, for people.

    Parameters
    ----------
    references : dict of str to list
        Of `references_of`.
    """
    found = {}
    for name, values in references.items():
        present = [value for value in values if isinstance(value, float)]
        if present:
            found[name] = [present[int(part * (len(present) - 1))] for part in (0.05, 0.5, 0.95)]
    return found


def explain(
    record: Mapping[str, NDArray[Any]],
    kinds: Mapping[str, str],
    references: Mapping[str, list[Any]],
    output: Callable[[Columns], NDArray[np.float64]],
) -> tuple[float, float, dict[str, float]]:
    """The mean output, the record's, and what each column adds between the two.

    Parameters
    ----------
    record : mapping of str to ndarray of shape (1,)
        Typed and filled.
    kinds : dict of str to str
        Of the d columns.
    references : dict of str to list
        Of `references_of`.
    output : callable
        From columns of shape (n,) to the number that is explained, shape (n,).

    Returns
    -------
    base, value : float
    contributions : dict of str to float
        They add up to `value - base`.
    """
    names = list(kinds)
    orders, drawn = _plan(len(names))
    pairs, width = drawn.shape
    # After `step` steps along its permutation, a column that has been passed has the record's value.
    ranks = np.argsort(orders, axis=1)[:, None, :]
    given = ranks < np.arange(width + 1)[None, :, None]
    index = np.where(given, REFERENCES, np.repeat(drawn, 2, axis=0)[:, None, :])
    index = index.reshape(-1, width)
    columns = {}
    for position, name in enumerate(names):
        read = converter(kinds[name])
        values = as_array(kinds[name], [read(value) for value in references[name]])
        columns[name] = np.concatenate([values, record[name]])[index[:, position]]
    found = output(columns).reshape(2 * pairs, width + 1)
    added = np.zeros((2 * pairs, width))
    np.put_along_axis(added, orders, np.diff(found, axis=1), axis=1)
    contributions = dict(zip(names, added.mean(axis=0).tolist(), strict=True))
    return float(found[:, 0].mean()), float(found[0, -1]), contributions


def _plan(width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Permutations, each followed by its reverse, of shape (2p, d); references of shape (p, d)."""
    draw = generator(SEED)
    rounds = max(1, min(MOST_ROUNDS, MOST_ROWS // (2 * (width + 1) * REFERENCES)))
    orders, drawn = [], []
    for _ in range(rounds):
        drawn.append(np.transpose([_shuffled(REFERENCES, draw) for _ in range(width)]))
        for _ in range(REFERENCES):
            order = _shuffled(width, draw)
            orders += [order, order[::-1]]
    return np.array(orders), np.concatenate(drawn)


def generator(seed: int) -> Callable[[int], int]:
    """Whole numbers below a bound, by mulberry32 (Tommy Ettinger 2017), which any language can do."""
    state = seed

    def draw(below: int) -> int:
        nonlocal state
        state = (state + 0x6D2B79F5) & _U32
        t = ((state ^ state >> 15) * (state | 1)) & _U32
        t ^= (t + (((t ^ t >> 7) * (t | 61)) & _U32)) & _U32
        return ((t ^ t >> 14) & _U32) * below >> 32

    return draw


def _shuffled(count: int, draw: Callable[[int], int]) -> list[int]:
    """0 to `count` - 1 in a random order (Fisher and Yates)."""
    order = list(range(count))
    for last in range(count - 1, 0, -1):
        other = draw(last + 1)
        order[last], order[other] = order[other], order[last]
    return order


def made_up(predictor: "Predictor") -> dict[str, dict[str, Any]]:
    """Example records that nobody sent: each column is drawn from its references on its own.

    Returns
    -------
    dict of str to dict
        `likely`, `unlikely` and `uncertain`; of more classes `certain` and `uncertain`; of values `high`,
        `low` and `usual`.
    """
    draw, schema = generator(SEED), predictor.schema
    records = []
    for _ in range(DRAWN):
        record = {}
        for column in schema.columns:
            if column.lookup:
                continue
            value = (predictor.references or {})[column.name][draw(REFERENCES)]
            if value is None and not column.optional:
                value = column.example  # a text, of which no reference is kept
            record[column.name] = (
                bool(value) if column.kind == "boolean" and value is not None else value
            )
        records.append(record)
    outputs = predictor.outputs(predictor.fill(columns_from_records(schema, records)))
    if not schema.target.classes:
        names, order = ("high", "usual", "low"), np.argsort(-outputs[:, 0], kind="stable")
        return {
            name: records[order[DRAWN * part // 20]]
            for name, part in zip(names, (1, 10, 19), strict=True)
        }
    threshold = predictor.metadata["threshold"]
    sure = outputs.max(axis=1) if threshold is None else outputs[:, 1]
    order = np.argsort(-sure, kind="stable")
    unsure = order[-1] if threshold is None else np.argmin(np.abs(sure - threshold))
    clear, doubtful = records[order[DRAWN // 20]], records[unsure]
    if threshold is None:
        return {"certain": clear, "uncertain": doubtful}
    return {"likely": clear, "uncertain": doubtful, "unlikely": records[order[-DRAWN // 20]]}
