"""Prometheus metrics of the service, correct with one worker or several."""

import os
from contextlib import suppress
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})


class Metrics:
    """What is counted. Label values come from closed sets, so no caller can grow the memory.

    Parameters
    ----------
    routes : set of str
        Paths with a label of their own; all others share `other`.
    version : str
        The model's version, on the gauge `model_info`; empty when no model is loaded.
    value_range : tuple of float, optional
        Range of a numeric target in training; ten equal buckets of it count the predictions.
    beside : Path, optional
        A folder whose `*.prom` files, written by other processes, are shown as well.
    """

    def __init__(
        self,
        routes: set[str],
        version: str,
        value_range: tuple[float, float] | None = None,
        beside: Path | None = None,
    ) -> None:
        self._routes = routes
        self._beside = beside
        self._found: dict[tuple[str, str, int], tuple[Counter, Histogram, Counter | None]] = {}
        self._classes: dict[str, Counter] = {}
        self._registry = CollectorRegistry()
        counter = partial(Counter, registry=self._registry)
        histogram = partial(Histogram, registry=self._registry)
        self._requests = counter(
            "http_requests", "Requests answered.", ["method", "route", "status"]
        )
        self._seconds = histogram(
            "http_request_duration_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ["route"],
            buckets=_SECONDS,
        )
        self._rejected = counter(
            "rejected_inputs", "Requests for a prediction that were refused, by status.", ["status"]
        )
        self._predictions = counter("predictions", "Predictions by class.", ["class"])
        self._review = counter(
            "predictions_needing_review", "Predictions too uncertain to act on without a person."
        )
        self._warned = counter(
            "predictions_with_warnings",
            "Predictions from values unknown to training, or filled in.",
        )
        self._values: Histogram | None = None
        if value_range:
            self._values = histogram(
                "prediction_value",
                "Predicted values; the buckets divide the target's range in training.",
                buckets=_buckets(*value_range),
            )
        info, says = "model_info", "1 for the model that is loaded."
        gauge = Gauge(info, says, ["version"], multiprocess_mode="max", registry=self._registry)
        self._loaded = gauge.labels(version or "none")
        self._loaded.set(1)

    def retire(self) -> None:
        """Say that another model has taken over; processes share what they expose."""
        self._loaded.set(0)

    def observe_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        route = path if path in self._routes else "other"
        method = method if method in _METHODS else "other"
        try:
            answered, lasted, rejected = self._found[method, route, status]
        except KeyError:
            # Looking a counter up by its labels costs three times what counting does.
            answered, lasted, rejected = self._found[method, route, status] = (
                self._requests.labels(method, route, status),
                self._seconds.labels(route),
                self._rejected.labels(status) if status >= 400 else None,
            )
        answered.inc()
        lasted.observe(seconds)
        if rejected and route.startswith("/predict"):
            rejected.inc()

    def observe_class(self, label: str, needs_review: bool, count: int = 1) -> None:
        """Count `count` predictions of one class (or kind of answer)."""
        counter = self._classes.get(label)
        if counter is None:
            counter = self._classes[label] = self._predictions.labels(label)
        counter.inc(count)
        if needs_review:
            self._review.inc(count)

    def observe_value(self, value: float, needs_review: bool) -> None:
        """Count one predicted number."""
        if self._values:
            self._values.observe(value)
        if needs_review:
            self._review.inc()

    def observe_warnings(self, warnings: list[str]) -> None:
        """Count one prediction if it carries a warning."""
        if warnings:
            self._warned.inc()

    def text(self) -> bytes:
        """The exposition in Prometheus text format, over all workers and of other processes."""
        registry = self._registry
        if MULTIPROCESS_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
        return generate_latest(registry) + self._others()

    def _others(self) -> bytes:
        found = b""
        for path in sorted(self._beside.glob("*.prom")) if self._beside else ():
            with suppress(OSError):  # it was removed between listing and reading
                found += path.read_bytes()
        return found


def _buckets(low: float, high: float) -> list[float]:
    if not high > low:
        high = low + 1.0
    return [low + (high - low) * step / 10 for step in range(11)]
