"""What was decided about versions of the model: one line each in `reports/promotions.jsonl`."""

import json
import os
from pathlib import Path
from typing import Any

PROMOTIONS = Path("reports", "promotions.jsonl")


def decisions(root: Path) -> list[dict[str, Any]]:
    """What was promoted, refused, postponed, rolled back and healed, oldest first."""
    path = root / PROMOTIONS
    if not path.exists():
        return []
    found = []
    for line in path.read_text("utf-8").splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue  # the process was killed while it wrote this line
    return found


def append(root: Path, decision: dict[str, Any]) -> None:
    """Add a decision; it is on disk when this returns."""
    path = root / PROMOTIONS
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        if file.tell():  # a line that was cut short stays a line of its own
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(decision, ensure_ascii=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
