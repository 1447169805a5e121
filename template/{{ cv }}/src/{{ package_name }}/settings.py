"""What `params.yaml` may say about the pictures of this role."""

from typing import Annotated, Literal

from pydantic import Field

from .toolkit.project.section import Section, Variables


class Data(Section):
    """Where the pictures come from."""

    source: Literal["sample", "folder", "hub"] = "sample"
    path: str = "data/raw"
    positive: str | None = None
    group: str | None = None
    limit: int | None = Field(default=None, ge=1)


class Images(Section):
    """How large and how colourful a picture is when a model sees it."""

    size: Literal["auto"] | Annotated[int, Field(ge=16, le=512)] = "auto"
    colour: Literal["auto", "grey", "rgb"] = "auto"
    max_megapixels: float = Field(default=25, gt=0)


class Network(Section):
    """The small network and the pretrained one."""

    backbone: str = "efficientnet-lite0"
    epochs: int = Field(default=20, ge=1)
    patience: int = Field(default=4, ge=1)
    fine_tune: Literal["auto"] | bool = "auto"
    fine_tune_epochs: int = Field(default=2, ge=1)


class Costs(Section):
    """What a wrong answer costs, in one currency; with two classes they choose the threshold."""

    false_positive: float = Field(default=1, ge=0)
    false_negative: float = Field(default=1, ge=0)
    currency: str = "USD"


class RoleParams(Section):
    """The sections that only computer-vision projects have."""

    data: Data = Data()
    images: Images = Images()
    network: Network = Network()
    costs: Costs = Costs()


class RoleEnvironment(Variables):
    """The variables that only computer-vision projects read: none."""
