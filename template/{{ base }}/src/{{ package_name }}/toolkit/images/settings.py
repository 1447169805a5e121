"""What `params.yaml` may say about images and the networks that look at them."""

from typing import Annotated, Literal

from pydantic import Field

from ..project.settings import BaseParams, Costs, Section


class Data(Section):
    """Where the images come from."""

    source: Literal["sample", "folder", "hub"] = "sample"
    path: str = "data/raw"
    label_column: str | None = None
    positive: str | None = None
    group: str | None = None
    block: Literal["auto"] | Annotated[int, Field(ge=2)] | None = "auto"
    slices: list[str] = []
    certainty: str | None = None

    @property
    def block_size(self) -> int | None:
        """How many consecutive files stay together, once the sample's own is settled."""
        return None if self.block == "auto" else self.block

    limit: int | None = Field(default=None, ge=1)


class Images(Section):
    """The size and the colours in which a model sees an image."""

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


class ImageParams(BaseParams):
    """The sections of a project about images."""

    data: Data = Data()
    images: Images = Images()
    network: Network = Network()
    costs: Costs = Costs()
