"""JSON Lines, as the stages write them; apart from the readers of documents, which no service has."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..project.errors import UserError
from ..project.files import write_text


def write_lines(path: Path, values: Iterable[dict[str, Any]]) -> None:
    """Write JSON Lines whole."""
    lines = (json.dumps(value, ensure_ascii=False) for value in values)
    write_text(path, "".join(f"{line}\n" for line in lines))


def read_lines(path: Path, stage: str) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file that a stage wrote.

    Raises
    ------
    UserError
        If it is not there.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as error:
        raise UserError(f"{path.name} is not there. Run `{stage}` first.") from error
    return [json.loads(line) for line in text.split("\n") if line]
