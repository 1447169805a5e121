"""What `params.yaml` and the environment may say about operating the model."""

from typing import Literal, get_args

from pydantic import Field

from ..project.settings import BaseEnvironment, BaseParams, Section

Monitored = Literal["predictions", "features", "latency", "errors", "quality"]
NAMES: tuple[Monitored, ...] = get_args(Monitored)


class Monitor(Section):
    """From where the monitor raises an alarm."""

    window_days: float = Field(default=30, gt=0)
    least_rows: int = Field(default=200, ge=20)
    false_alarms: float = Field(default=0.01, gt=0, lt=0.5)
    effect: float = Field(default=0.1, ge=0, le=1)
    error_drop: float = Field(default=0.02, ge=0)
    latency_ms: float = Field(default=100, gt=0)
    slow_share: float = Field(default=0.01, ge=0, lt=1)
    missing: float = Field(default=0.05, ge=0, le=1)
    unseen: float = Field(default=0.02, ge=0, le=1)
    refused: float = Field(default=0.0, ge=0, le=1)
    retrain_on: list[Monitored] = ["predictions", "features", "errors"]


class Gate(Section):
    """What a challenger must show before it answers in the champion's place."""

    margin: float = Field(default=0.0, ge=0)
    slice_bound: float = Field(default=0.05, ge=0)
    slice_bounds: dict[str, float] = {}
    smallest_slice: int = Field(default=200, ge=30)
    least_rows: int = Field(default=500, ge=50)
    holdback: float = Field(default=0.25, gt=0, lt=1)
    latency_ms: float = Field(default=20, gt=0)
    draws: int = Field(default=200, ge=50)


class Journal(Section):
    """How answered predictions are written down."""

    required: bool = True
    sync_seconds: float = Field(default=0.2, ge=0, le=60)
    max_pending: int = Field(default=50_000, ge=1)
    segment_mb: float = Field(default=64, gt=0)
    keep_days: int | None = Field(default=None, ge=1)


class Replay(Section):
    """How the data is replayed, month by month."""

    first_months: int = Field(default=3, ge=1)
    label_delay_months: int = Field(default=1, ge=0)


class OperatingParams(BaseParams):
    """The sections of an operated project."""

    monitor: Monitor = Monitor()
    gate: Gate = Gate()
    journal: Journal = Journal()
    replay: Replay = Replay()


class OperatingEnvironment(BaseEnvironment):
    """The variables that an operated project reads."""

    alert_webhook_url: str | None = None
    registry_key: str | None = Field(default=None, repr=False)
    journal_dir: str | None = None
    journal_database_url: str | None = None
