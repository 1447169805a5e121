"""What `params.yaml` and the environment may say about a table."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from ..project.settings import BaseEnvironment, BaseParams, Costs, Section


class Lookup(Section):
    """Columns a caller need not post: the bundle's dated snapshot knows them by key."""

    key: list[str] = Field(min_length=1)
    columns: list[str] = Field(min_length=1)


def _as_text(value: Any) -> Any:
    """A label or a spelling as it stands in a file, which YAML may have taken for true."""
    return str(value).lower() if isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(_as_text)]
Bound = float | datetime | None


class Accept(Section):
    """A warning of the profile that the owner has looked at and takes."""

    column: str | None = None
    kind: str
    reason: str = Field(min_length=1)


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
    labels: dict[Text, str] = {}
    merge_labels: dict[Text, list[Text]] = {}
    missing: list[Text] = []
    formats: dict[str, str] = {}
    bounds: dict[str, tuple[Bound, Bound]] = {}
    accept: list[Accept] = []
    limit: int | None = Field(default=None, ge=1)
    lookups: list[Lookup] = []


class Tuning(Section):
    """The search for settings of the last candidate: 0 trials leave it out."""

    trials: int = Field(default=0, ge=0)
    seconds: float = Field(default=600, gt=0)


class TableParams(BaseParams):
    """The sections of a project about a table."""

    data: Data
    costs: Costs = Costs()
    tuning: Tuning = Tuning()


class TableEnvironment(BaseEnvironment):
    """The variables that a project about a table reads."""

    database_url: str | None = None
