"""What `params.yaml` and the environment may say about a table."""

from typing import Literal

from pydantic import ConfigDict, Field

from ..project.settings import BaseEnvironment, BaseParams, Costs, Section


class Lookup(Section):
    """Columns a caller need not post: the bundle's dated snapshot knows them by key."""

    key: list[str] = Field(min_length=1)
    columns: list[str] = Field(min_length=1)


class Data(Section):
    """Where the table comes from and what its columns mean."""

    # A column may be called 2020, which YAML reads as a number.
    model_config = ConfigDict(coerce_numbers_to_str=True)

    source: Literal["sample", "file", "sql"] = "sample"
    path: str | None = None
    query: str | None = None
    target: str
    task: Literal["auto", "binary", "multiclass", "regression"] = "auto"
    positive: str | int | bool | None = None
    time: str | None = None
    group: str | None = None
    drop: list[str] = []
    sensitive: list[str] = []
    limit: int | None = Field(default=None, ge=1)
    lookups: list[Lookup] = []


class TableParams(BaseParams):
    """The sections of a project about a table."""

    data: Data
    costs: Costs = Costs()


class TableEnvironment(BaseEnvironment):
    """The variables that a project about a table reads."""

    database_url: str | None = None
