"""What a leak check found."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["passed", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """The outcome of one check, in words with numbers."""

    check: str
    status: Status
    detail: str
    columns: list[str] = field(default_factory=list)
    remedy: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what reports/data.json says of the check."""
        return asdict(self)
