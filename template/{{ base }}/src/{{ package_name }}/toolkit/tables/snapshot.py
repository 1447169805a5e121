"""The dated snapshot: columns a caller may leave out, looked up by key."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..project.errors import UserError
from ..reading.parsing import converter


class Snapshot:
    """The tables of a bundle's `lookups.json`.

    Parameters
    ----------
    content : dict
        `{"as_of": ..., "tables": [{"key", "columns", "rows": [[key values, column values]]}]}`.
    kinds : dict of str to str
        Kind of each column of the schema; keys and values are read as that kind.

    Raises
    ------
    UserError
        If a key is not a column of the schema, since no record could be looked up.
    """

    def __init__(self, content: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
        as_of = content["as_of"]
        self.tables = [_Table(table, kinds, as_of) for table in content["tables"]]

    def fill(
        self, columns: Mapping[str, NDArray[Any]]
    ) -> tuple[dict[str, NDArray[Any]], dict[int, list[str]]]:
        """Fill what is missing and known; a value that was given stays.

        Returns
        -------
        columns : dict of str to ndarray of shape (n,)
            Copies where something was filled.
        warnings : dict of int to list of str
            By row, for the keys that the snapshot does not have.
        """
        filled, warnings = dict(columns), dict[int, list[str]]()
        for table in self.tables:
            table.fill(filled, warnings)
        return filled, warnings


class _Table:
    def __init__(
        self, table: Mapping[str, Any], kinds: Mapping[str, str], as_of: str | None
    ) -> None:
        self.key: list[str] = table["key"]
        self.as_of = as_of
        if unknown := [name for name in self.key if name not in kinds]:
            raise UserError(
                f"data.lookups: the key {unknown[0]!r} is not a column the model uses, so no "
                "record can be looked up. Take it out of data.drop, or choose another key."
            )
        read_key = [converter(kinds[name]) for name in self.key]
        used = [i for i, name in enumerate(table["columns"]) if name in kinds]
        self.columns = [table["columns"][i] for i in used]
        read = [converter(kinds[name]) for name in self.columns]
        self.rows = {
            tuple(convert(value) for convert, value in zip(read_key, key, strict=True)): [
                convert(values[i]) for convert, i in zip(read, used, strict=True)
            ]
            for key, values in table["rows"]
        }

    def fill(self, filled: dict[str, NDArray[Any]], warnings: dict[int, list[str]]) -> None:
        gaps = {name: is_missing(filled[name]) for name in self.columns}
        if not any(gap.any() for gap in gaps.values()):
            return
        wanted = np.flatnonzero(np.logical_or.reduce(list(gaps.values())))
        keys = list(zip(*(filled[name][wanted].tolist() for name in self.key), strict=True))
        nothing: list[Any] = []
        rows = [self.rows.get(key, nothing) for key in keys]
        known = np.array([row is not nothing for row in rows])
        for position, name in enumerate(self.columns):
            here = np.flatnonzero(gaps[name][wanted] & known)
            if len(here):
                values = filled[name] = filled[name].copy()
                values[wanted[here]] = [rows[at][position] for at in here.tolist()]
        for at in np.flatnonzero(~known).tolist():
            warnings.setdefault(int(wanted[at]), []).append(self.nothing_for(keys[at]))

    def nothing_for(self, key: tuple[Any, ...]) -> str:
        asked = ", ".join(
            f"{name}={_said(value)}" for name, value in zip(self.key, key, strict=True)
        )
        dated = f" of {self.as_of}" if self.as_of else ""
        return f"{', '.join(self.columns)}: the snapshot{dated} has nothing for {asked}."


def _said(value: Any) -> Any:
    return "nothing" if value is None or value != value else value


def is_missing(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where a typed column has no value, shape (n,)."""
    if values.dtype == object:
        return np.asarray(values == None, dtype=bool)  # noqa: E711  (of each)
    return np.asarray(values != values)
