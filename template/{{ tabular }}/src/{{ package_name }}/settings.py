"""What `params.yaml` may say about the data of this role."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A mapping of `params.yaml` in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


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


class Costs(Section):
    """What a wrong answer costs, in one currency; they choose the operating threshold."""

    false_positive: float = Field(default=1, ge=0)
    false_negative: float = Field(default=1, ge=0)
    currency: str = "USD"


class RoleParams(Section):
    """The sections that only tabular projects have."""

    data: Data
    costs: Costs = Costs()
