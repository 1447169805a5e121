"""What every section of `params.yaml` is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of `params.yaml` in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)
