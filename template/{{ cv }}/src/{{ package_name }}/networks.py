"""The small network, and the copies it is shown in training. How it is trained is the toolkit's."""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

WIDTHS = (16, 32, 64, 64, 64)


class SmallNet(nn.Module):
    """Convolutions that halve the image until it is about 4 by 4, then one linear layer.

    Parameters
    ----------
    shape : (channels, height, width)
    classes : int
    augmented : bool
        Show disturbed copies in training, see `disturbed`.
    """

    def __init__(self, shape: tuple[int, int, int], classes: int, augmented: bool) -> None:
        super().__init__()
        self.augmented = augmented
        channels, side, _ = shape
        layers: list[nn.Module] = []
        for width in WIDTHS[: max(2, round(np.log2(side / 4)))]:
            layers += [
                nn.Conv2d(channels, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            channels, side = width, side // 2
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3))
        self.head = nn.Linear(channels * side * side, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, classes), of images (n, channels, height, width) from 0 to 1."""
        if self.training and self.augmented:
            x = disturbed(x)
        logits: torch.Tensor = self.head(self.body(x))
        return logits


def disturbed(x: torch.Tensor) -> torch.Tensor:
    """Rotate, shift and scale each image a little; blur, darken and add noise to some.

    These are the corruptions of the robustness table, drawn again for each batch. No mirror images:
    a mirrored letter is another letter.
    """
    with torch.no_grad():
        n = len(x)
        angle = (torch.rand(n) * 2 - 1) * np.deg2rad(25)
        scale = 1 + (torch.rand(n) * 2 - 1) * 0.12
        shift = (torch.rand(n, 2) * 2 - 1) * 0.1
        turn = torch.stack(
            [
                torch.stack([scale * angle.cos(), -scale * angle.sin(), shift[:, 0]], 1),
                torch.stack([scale * angle.sin(), scale * angle.cos(), shift[:, 1]], 1),
            ],
            1,
        )
        grid = F.affine_grid(turn, list(x.shape), align_corners=False)
        x = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
        soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        x = torch.where(_some(n), soft, x)
        light = 1 + (torch.rand(n, 1, 1, 1) * 2 - 1) * 0.5
        x = torch.where(_some(n), x * light, x)
        noisy = x + torch.randn_like(x) * torch.rand(n, 1, 1, 1) * 0.2
        return torch.where(_some(n), noisy, x).clamp(0, 1)


def _some(n: int) -> torch.Tensor:
    return torch.rand(n, 1, 1, 1) < 0.4
