"""The one step between a record and the model: encode and impute, shared by training and serving.

Each column of the schema becomes one or more float32 columns without missing values. What is
learnt (medians, categories, words) is plain JSON, and applying it needs numpy alone, so the
service answers exactly what training computed.
"""

import copy
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..profiling.schema import Schema
from ..project.errors import UserError
from .column_encoders import MAX_WORDS, Part, apply, fit_category, fit_dates, fit_number, names_of

if TYPE_CHECKING:
    import pandas as pd

Columns = Mapping[str, NDArray[Any]]
Derive = Callable[[Columns], dict[str, NDArray[Any]]]
Rows: TypeAlias = "Columns | pd.DataFrame"

FORMAT = 1  # of the state; raise it when an older one can no longer be applied


class Encoder:
    """Turn typed columns into a float32 matrix.

    Parameters
    ----------
    kinds : dict of str to str
        Column name to `number`, `boolean`, `category`, `date` or `text`.
    derive : callable
        Computes the project's own features from the columns.
    time : str, optional
        The column the rows are split by. Its month and year are used only when the training
        rows span two years, since a season that was never seen twice teaches nothing.
    trend : bool
        Whether dates also become days since the first one (for values that grow over time).

    Attributes
    ----------
    names_ : list of str
        Names of the d matrix columns.
    categorical_ : list of int
        Positions of codes that have no order; a linear model should one-hot encode them.
    """

    def __init__(
        self,
        kinds: dict[str, str],
        derive: Derive,
        time: str | None = None,
        trend: bool = False,
    ) -> None:
        self.kinds = kinds
        self.derive = derive
        self.time = time
        self.trend = trend

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments, so that `sklearn.base.clone` works without scikit-learn here."""
        return {
            "kinds": self.kinds,
            "derive": self.derive,
            "time": self.time,
            "trend": self.trend,
        }

    def fit(self, columns: Rows, y: NDArray[Any]) -> Self:
        """Learn medians, categories, date parts and words.

        Parameters
        ----------
        columns : mapping of str to array-like of shape (n,)
            A DataFrame or a dict of arrays, typed as the schema says.
        y : ndarray of shape (n,)
            The target; it chooses the words of text columns and nothing else.
        """
        arrays = self._with_derived({name: np.asarray(columns[name]) for name in self.kinds})
        self.parts_: list[Part] = []
        for name, values in arrays.items():
            kind = self.kinds.get(name) or ("category" if values.dtype == object else "number")
            if kind == "category":
                self.parts_.append(fit_category(name, values))
            elif kind == "date":
                is_time = name == self.time
                self.parts_ += fit_dates(name, values, is_time, self.trend or not is_time)
            elif kind == "text":
                from .words import fit_words

                self.parts_.append(fit_words(name, values, y, MAX_WORDS))
            else:
                self.parts_.append(fit_number(name, values, kind))
        return self

    @property
    def names_(self) -> list[str]:
        return [name for part in self.parts_ for name in names_of(part)]

    @property
    def sources_(self) -> list[str]:
        """The column, or the feature of `derive`, that each of the d matrix columns is made of."""
        return [part["name"] for part in self.parts_ for _ in names_of(part)]

    @property
    def one_hot_width_(self) -> int:
        """Columns that the matrix has at most, once each code has one of its own."""
        codes = [part for part in self.parts_ if part.get("codes")]
        levels = sum(len(part.get("categories", range(24))) + 2 for part in codes)
        return len(self.names_) - len(codes) + levels

    @property
    def categorical_(self) -> list[int]:
        flags = [part.get("codes", False) for part in self.parts_ for _ in names_of(part)]
        return [position for position, flag in enumerate(flags) if flag]

    def transform(self, columns: Rows) -> NDArray[np.float32]:
        """Encode rows.

        Returns
        -------
        ndarray of shape (n, d), float32, without NaN
        """
        arrays = self._with_derived({name: np.asarray(columns[name]) for name in self.kinds})
        size = len(next(iter(arrays.values())))
        widths = [len(names_of(part)) for part in self.parts_]
        matrix = np.empty((size, sum(widths)), dtype=np.float32)
        position = 0
        for part, width in zip(self.parts_, widths, strict=True):
            apply(part, arrays[part["name"]], matrix[:, position : position + width])
            position += width
        return matrix

    def without(self, names: Collection[str]) -> Self:
        """The same fitted encoder, for a matrix without what some columns or features become."""
        fewer = copy.copy(self)
        fewer.parts_ = [part for part in self.parts_ if part["name"] not in names]
        return fewer

    def state(self) -> dict[str, Any]:
        """Everything `transform` needs, as JSON."""
        return {
            "format": FORMAT,
            "kinds": self.kinds,
            "time": self.time,
            "trend": self.trend,
            "parts": self.parts_,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any], derive: Derive) -> Self:
        """The encoder whose `state()` this is.

        Raises
        ------
        UserError
            If the state was written by another version of this module.
        """
        if state.get("format") != FORMAT:
            raise UserError(
                "The model was trained by another version of this project's code. "
                "Run `train` again."
            )
        encoder = cls(state["kinds"], derive, state["time"], state["trend"])
        encoder.parts_ = state["parts"]
        return encoder

    def _with_derived(self, arrays: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        merged = dict(arrays)
        for name, values in self.derive(arrays).items():
            while name in merged:  # a column of the table may have that name already
                name += "_"
            merged[name] = values
        return merged


def encoder_for(schema: Schema, derive: Derive) -> Encoder:
    """The unfitted encoder of a schema."""
    kinds: dict[str, str] = {column.name: column.kind for column in schema.columns}
    return Encoder(kinds, derive, time=schema.time, trend=schema.target.task == "regression")
