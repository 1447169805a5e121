"""What every answer carries, whatever the role."""

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel


class Answered(BaseModel):
    """Which model answered, and when."""

    model_version: str
    prediction_timestamp: datetime


def stamp(answer: dict[str, Any], version: str) -> dict[str, Any]:
    """Return `answer` with the model's version and the time in UTC."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return {**answer, "model_version": version, "prediction_timestamp": now}
