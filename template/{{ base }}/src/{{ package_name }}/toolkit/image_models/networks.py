"""Networks in PyTorch, trained through skorch: early stopping, class weights, fine-tuning."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from skorch import NeuralNetClassifier
from skorch.callbacks import EarlyStopping, GradientNormClipping, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn
from torch.utils.data import Dataset

from .classifier import CachedClassifier
from .export import export_module
from .extractors import RawPixels
from .feature_cache import FeatureCache

VALIDATION = 1 / 8
SMALL = 32


class CachedPixels(Dataset[tuple[torch.Tensor, torch.Tensor]]):
    """Images read from the cache a batch at a time, so that memory does not grow with them."""

    def __init__(
        self,
        X: NDArray[np.intp],
        y: NDArray[np.int64] | None = None,
        rows: Any = None,
        weights: Any = None,
        classes: int = 2,
        shape: tuple[int, int, int] = (1, 1, 1),
    ) -> None:
        self.positions = X
        self.y = y
        self.rows = rows
        self.weights = weights
        self.classes = classes
        self.shape = shape

    def __len__(self) -> int:
        return len(self.positions)

    def __getitems__(self, picked: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        rows = np.asarray(self.rows[self.positions[picked]]).reshape(-1, *self.shape)
        targets = np.zeros((len(picked), self.classes), dtype=np.float32)
        if self.y is not None:
            # The loss of an image counts as much as its label is certain.
            targets[np.arange(len(picked)), self.y[picked]] = self.weights[self.positions[picked]]
        return torch.from_numpy(rows).float() / 255, torch.from_numpy(targets)


def as_is(batch: Any) -> Any:
    """A batch that `CachedPixels` has made whole already."""
    return batch


class NetworkClassifier(CachedClassifier):
    """A network that learns from the pixels themselves.

    Classes weigh alike in the loss, however many images they have.

    Parameters
    ----------
    cache : FeatureCache
    extractor : RawPixels
        The size and colours of the images it is given.
    make : callable
        Gives a fresh module: images (n, channels, height, width) from 0 to 1 to logits.
    classes : int
        All of them, also those a fold lacks.
    epochs, patience : int
        The most epochs, and how many without a better validation loss end the training; the best
        weights are kept.
    rate : float
        Learning rate of AdamW.
    seed : int
    """

    extractor: RawPixels
    batch = 64
    device = "cpu"
    drop_last = True  # batch normalisation needs two images, and learns from all of a batch

    def __init__(
        self,
        cache: FeatureCache,
        extractor: RawPixels,
        make: Callable[[], nn.Module],
        classes: int,
        epochs: int,
        patience: int,
        rate: float,
        seed: int,
    ) -> None:
        super().__init__(cache, extractor, None)
        self.make = make
        self.classes = classes
        self.epochs = epochs
        self.patience = patience
        self.rate = rate
        self.seed = seed

    def fit(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Self:
        """Fit on the images at positions `x`; an eighth of them says when to stop."""
        torch.manual_seed(self.seed)
        # A small network gains nothing from a second thread, and loses where cores are busy.
        small = self.extractor.spec["side"] <= SMALL
        torch.set_num_threads(1 if small else os.cpu_count() or 1)
        counts = np.bincount(y, minlength=self.classes)
        present = np.count_nonzero(counts)
        weights = np.where(counts > 0, len(y) / (present * np.maximum(counts, 1)), 0)
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
            dataset=CachedPixels,
            dataset__rows=self.cache.features(self.extractor),
            dataset__weights=self.cache.dataset.weights,
            dataset__classes=self.classes,
            dataset__shape=self.extractor.shape,
            iterator_train__shuffle=True,
            iterator_train__drop_last=self.drop_last and len(y) > 2 * self.batch,
            iterator_train__collate_fn=as_is,
            iterator_valid__collate_fn=as_is,
            iterator_valid__batch_size=self.batch,
            verbose=0,
            callbacks__valid_acc=None,
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
        """How training goes on and ends, given the number of images of each class."""
        stratified = bool(counts[counts > 0].min() * VALIDATION >= 1)
        return {
            "train_split": ValidSplit(VALIDATION, stratified=stratified, random_state=self.seed),
            "callbacks": [EarlyStopping(patience=self.patience, load_best=True, sink=_silent)],
        }

    def predict_proba(self, x: NDArray[np.intp]) -> NDArray[np.float64]:
        """Probabilities of the images at positions `x`, shape (n, classes)."""
        starts = range(0, len(x), self.batch)
        return np.concatenate(
            [self.predict_rows(self.rows(x[start : start + self.batch])) for start in starts]
        )

    def predict_rows(self, rows: NDArray[Any]) -> NDArray[np.float64]:
        """Probabilities of extracted rows (n, d), of whichever images, shape (n, classes)."""
        module, parts = self._exported(), []
        with torch.no_grad():
            for start in range(0, len(rows), self.batch):
                given = self.extractor.inputs(rows[start : start + self.batch])
                parts.append(module(torch.from_numpy(given)).numpy())
        return np.concatenate(parts).astype(np.float64)

    def write_onnx(self, file: Path) -> None:
        """Write the fitted network: float32 `x` (n, d) to `probabilities` (n, classes)."""
        shape = (int(np.prod(self.extractor.shape)),)
        export_module(self._exported(), shape, file, "x", "probabilities")

    def _exported(self) -> nn.Module:
        """The trained module as it is served: flat rows from 0 to 1 in, probabilities out."""
        shape = self.extractor.shape
        return nn.Sequential(nn.Unflatten(1, shape), self.model.module_, nn.Softmax(1)).eval()


def _silent(_: object) -> None:
    """Where skorch's remarks go."""


class FineTuned(nn.Module):
    """A pretrained network and one linear layer, both trained.

    Batch normalisation keeps the statistics of the photographs: those of a few hundred images,
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
        """Logits, shape (n, classes), of images (n, 3, height, width) from 0 to 1."""
        logits: torch.Tensor = self.head(self.net(x * 255))
        return logits


class FineTunedClassifier(NetworkClassifier):
    """A pretrained network: first a linear layer on it is fitted, then all of it for a few epochs.

    Starting from a fitted layer keeps what the network knows (Kumar et al. 2022, "Fine-Tuning can
    Distort Pretrained Features and Underperform Out-of-Distribution"). The learning rate rises and
    falls once; there are too few epochs to stop early. `make` gives the network without the layer:
    images from 0 to 255 to features.
    """

    batch = 32
    drop_last = False
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def module(self, x: NDArray[np.intp], y: NDArray[np.int64]) -> Callable[[], nn.Module]:
        """The network with a linear layer fitted on its features, by logistic regression."""
        net, features = self.make().to(self.device).eval(), []
        with torch.no_grad():
            for start in range(0, len(x), self.batch):
                pixels = self.rows(x[start : start + self.batch]).astype(np.float32)
                images = torch.from_numpy(pixels).view(-1, *self.extractor.shape)
                features.append(net(images.to(self.device)).cpu().numpy())
        rows = np.concatenate(features)
        # One scale for all: a feature that hardly varies here must not get a huge weight, since
        # training moves it.
        mean, scale = rows.mean(axis=0), rows.std()
        fitted = LogisticRegression(C=0.1, max_iter=500)
        fitted.fit((rows - mean) / scale, y, sample_weight=self.cache.dataset.weights[x])
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
        """All images are learnt from; the learning rate of each step, and a bound on the step."""
        steps = self.epochs * -(-int(counts.sum()) // self.batch)
        rise = max(1, steps // 5)

        def share(step: int) -> float:
            return min((step + 1) / rise, max(steps - step, 1) / max(steps - rise, 1))

        rate = LRScheduler(torch.optim.lr_scheduler.LambdaLR, step_every="batch", lr_lambda=share)
        return {"train_split": None, "callbacks": [rate, GradientNormClipping(1.0)]}
