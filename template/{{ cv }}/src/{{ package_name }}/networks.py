"""Networks in PyTorch, trained through skorch: early stopping, class weights, augmentation."""

import os
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.data import Dataset

from .toolkit.images.estimators import Seen
from .features import Raw

WIDTHS = (16, 32, 64, 64, 64)
VALIDATION = 1 / 8
BATCH = 64
SMALL = 32


class SmallNet(nn.Module):
    """Convolutions that halve the picture until it is about 4 by 4, then one linear layer.

    Parameters
    ----------
    shape : (channels, height, width)
    classes : int
    augmented : bool
        Disturb the pictures while training, see `disturbed`.
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
        """Logits, shape (n, classes), of pictures (n, channels, height, width) from 0 to 1."""
        if self.training and self.augmented:
            x = disturbed(x)
        logits: torch.Tensor = self.head(self.body(x))
        return logits


class FineTuned(nn.Module):
    """A pretrained network and one linear layer, both trained.

    Batch normalisation keeps the statistics of the photographs: those of a few hundred pictures,
    averaged over a few steps, are worse than none.
    """

    def __init__(self, net: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.net = net
        self.head = head
        # Channels innermost: nearly twice as fast on a processor.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def train(self, mode: bool = True) -> Self:
        """As of any module, but for batch normalisation."""
        super().train(mode)
        for part in self.net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.eval()
        return self

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, shape (n, classes), of pictures (n, 3, height, width) from 0 to 1."""
        logits: torch.Tensor = self.head(self.net(x * 255))
        return logits


def disturbed(x: torch.Tensor) -> torch.Tensor:
    """Turn, shift and scale each picture a little; blur, darken and add noise to some.

    The ways in which `robustness` disturbs pictures, drawn anew each time. No mirror images: a
    mirrored letter is another letter.
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


class Rows(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Pictures read from the cache a batch at a time, so that memory does not grow with them."""

    def __init__(
        self,
        X: NDArray[np.intp],
        y: NDArray[np.int64] | None = None,
        rows: Any = None,
        shape: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        self.positions = X
        self.y = y
        self.rows = rows
        self.shape = shape

    def __len__(self) -> int:
        return len(self.positions)

    def __getitems__(self, picked: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = np.asarray(self.rows[self.positions[picked]]).reshape(-1, *self.shape)
        labels = np.zeros(len(picked), dtype=np.int64) if self.y is None else self.y[picked]
        return torch.from_numpy(rows).float() / 255, torch.from_numpy(labels)


def as_is(batch: Any) -> Any:
    """A batch that `Rows` has made whole already."""
    return batch


class NetworkRung(Seen):
    """A network as a rung.

    Parameters
    ----------
    view : Raw
        The size and colour of the pictures it is given.
    rows : ndarray of shape (N, d), uint8
    make : callable
        Gives a fresh module.
    classes : int
        All of them, also those a fold lacks.
    epochs, patience : int
        The most epochs, and how many without a better validation loss end the training; the best
        weights are kept.
    rate : float
        Learning rate of AdamW.
    seed : int
    """

    batch = BATCH
    device = "cpu"
    drop_last = True  # batch normalisation needs two pictures, and learns from all of a batch

    def __init__(
        self,
        view: Raw,
        rows: NDArray[Any],
        make: Callable[[], nn.Module],
        classes: int,
        epochs: int,
        patience: int,
        rate: float,
        seed: int,
    ) -> None:
        super().__init__(view, rows, None)
        self.make = make
        self.classes = classes
        self.epochs = epochs
        self.patience = patience
        self.rate = rate
        self.seed = seed

    def fit(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Self:
        """Fit on the pictures at positions `x`; an eighth of them says when to stop."""
        torch.manual_seed(self.seed)
        # A small network gains nothing from a second thread, and loses where cores are busy.
        torch.set_num_threads(1 if self.view.spec["side"] <= SMALL else os.cpu_count() or 1)
        counts = np.bincount(y, minlength=self.classes)
        weights = np.where(
            counts > 0, len(y) / (np.count_nonzero(counts) * np.maximum(counts, 1)), 0
        )
        assert isinstance(self.view, Raw)
        self.model = NeuralNetClassifier(
            self.module(x, y),
            criterion=nn.CrossEntropyLoss,
            criterion__weight=torch.tensor(weights, dtype=torch.float32),
            optimizer=torch.optim.AdamW,
            optimizer__weight_decay=1e-2,
            lr=self.rate,
            max_epochs=self.epochs,
            batch_size=self.batch,
            device=self.device,
            classes=np.arange(self.classes),
            dataset=Rows,
            dataset__rows=self.rows,
            dataset__shape=self.view.shape,
            iterator_train__shuffle=True,
            iterator_train__drop_last=self.drop_last and len(y) > 2 * self.batch,
            iterator_train__collate_fn=as_is,
            iterator_valid__collate_fn=as_is,
            iterator_valid__batch_size=self.batch,
            verbose=0,
            **self.schedule(counts),
        )
        self.model.fit(x, y)
        self.model.module_.to("cpu")
        self.classes_ = np.arange(self.classes)
        return self

    def module(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Callable[[], nn.Module]:
        """What gives the module that training begins with."""
        return self.make

    def schedule(self, counts: NDArray[np.intp]) -> dict[str, Any]:
        """How training goes on and ends, given the number of pictures of each class."""
        stratified = bool(counts[counts > 0].min() * VALIDATION >= 1)
        return {
            "train_split": ValidSplit(VALIDATION, stratified=stratified, random_state=self.seed),
            "callbacks": [EarlyStopping(patience=self.patience, load_best=True, sink=_silent)],
        }

    def predict_proba(self, x: NDArray[np.intp]) -> NDArray[np.float64]:
        """Probabilities, shape (n, classes)."""
        module, answers = served(self), []
        with torch.no_grad():
            for start in range(0, len(x), self.batch):
                given = self.inputs(x[start : start + self.batch])
                answers.append(module(torch.from_numpy(given)).numpy())
        return np.concatenate(answers).astype(np.float64)


def _silent(_: object) -> None:
    """Where skorch's remarks go."""


class FineTunedRung(NetworkRung):
    """A pretrained network as a rung: first a linear layer on it, then all of it, for few epochs.

    Starting from a fitted layer keeps what the network knows (Kumar et al. 2022, "Fine-Tuning can
    Distort Pretrained Features and Underperform Out-of-Distribution"). The learning rate rises and
    falls once; there are too few epochs to stop early. `make` gives the network without the layer,
    pictures from 0 to 255 to features.
    """

    batch = 32
    drop_last = False
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def module(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Callable[[], nn.Module]:
        """The network with a linear layer fitted on its features, by logistic regression."""
        assert isinstance(self.view, Raw)
        net, features = self.make().to(self.device).eval(), []
        with torch.no_grad():
            for start in range(0, len(x), self.batch):
                pixels = np.asarray(self.rows[x[start : start + self.batch]], dtype=np.float32)
                pictures = torch.from_numpy(pixels).view(-1, *self.view.shape)
                features.append(net(pictures.to(self.device)).cpu().numpy())
        rows = np.concatenate(features)
        # One scale for all: a feature that hardly varies here must not get a huge weight, since
        # training moves it.
        mean, scale = rows.mean(axis=0), rows.std()
        fitted = LogisticRegression(C=0.1, max_iter=500).fit((rows - mean) / scale, y)
        # With two classes it has one row of weights, for the second.
        weights = fitted.coef_ / scale
        bias = fitted.intercept_ - weights @ mean
        if len(fitted.classes_) == 2:
            weights, bias = np.stack([-weights[0], weights[0]]) / 2, np.r_[-bias, bias] / 2
        head = nn.Linear(rows.shape[1], self.classes)
        with torch.no_grad():
            head.weight[fitted.classes_] = torch.from_numpy(weights).float()
            head.bias[fitted.classes_] = torch.from_numpy(bias).float()
        return lambda: FineTuned(net, head)

    def schedule(self, counts: NDArray[np.intp]) -> dict[str, Any]:
        """All pictures are learnt from; the learning rate of each step, and a bound on the step."""
        steps = self.epochs * -(-int(counts.sum()) // self.batch)
        rise = max(1, steps // 5)

        def share(step: int) -> float:
            return min((step + 1) / rise, max(steps - step, 1) / max(steps - rise, 1))

        rate = LRScheduler(torch.optim.lr_scheduler.LambdaLR, step_every="batch", lr_lambda=share)
        return {"train_split": None, "callbacks": [rate, GradientNormClipping(1.0)]}


def served(rung: NetworkRung) -> nn.Module:
    """The trained module as it is exported: flat rows from 0 to 1 in, probabilities out."""
    assert isinstance(rung.view, Raw)
    shape = rung.view.shape
    module = rung.model.module_

    class Served(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            logits = self.module(x.view(-1, *shape))
            return torch.softmax(logits, dim=1)

    return Served().eval()
