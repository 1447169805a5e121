"""What a section of `params.yaml` is, and a group of variables of the environment."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of `params.yaml` in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Variables(BaseModel):
    """Variables of the environment; those of other programs are not looked at."""

    model_config = ConfigDict(extra="ignore")
