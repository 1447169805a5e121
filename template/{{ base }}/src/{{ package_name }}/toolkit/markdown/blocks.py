"""Blocks between markers: the run writes inside them, the owner everywhere else."""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from ..project.errors import UserError
from ..project.files import write_bytes

logger = logging.getLogger(__name__)

OWNER = re.compile(r"<!--\s*owner:(.*?)-->", re.DOTALL)


def replace_block(text: str, name: str, content: str, where: str) -> str | None:
    """Put `content` between `<!-- name:start -->` and `<!-- name:end -->`.

    Everything outside the markers stays as it is, to the byte; line ends follow the file's own.

    Parameters
    ----------
    text : str
        The document.
    name : str
        The block.
    content : str
        Markdown without the markers.
    where : str
        The document's name, for the error.

    Returns
    -------
    str or None
        The new document, or None when it has neither marker: its owner took the block out.

    Raises
    ------
    UserError
        If the markers are not one start followed by one end, so that what lies between them
        cannot be told from the owner's words.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    counts = text.count(start), text.count(end)
    if counts == (0, 0):
        return None
    opening, closing = text.find(start), text.find(end)
    if counts != (1, 1) or closing < opening:
        raise UserError(
            f"{where}: the markers of the block '{name}' are damaged ({counts[0]} start, "
            f"{counts[1]} end{', in the wrong order' if counts == (1, 1) else ''}). Leave exactly "
            f"one line {start} and below it one line {end}, or delete both, then run `report` "
            "again. Nothing in the file was changed."
        )
    newline = "\r\n" if "\r\n" in text else "\n"
    body = newline.join(["", *content.strip("\n").split("\n"), ""])
    return text[: opening + len(start)] + body + text[closing:]


def refresh(path: Path, blocks: Mapping[str, str], skeleton: str | None = None) -> list[str]:
    """Refresh the blocks of a Markdown file.

    Parameters
    ----------
    path : Path
        The document.
    blocks : mapping of str to str
        Block name to Markdown.
    skeleton : str, optional
        The document to begin with when there is none. Without it a missing file is left missing.

    Returns
    -------
    list of str
        The blocks that the document does not have; they are logged and skipped.

    Raises
    ------
    UserError
        If a block's markers are damaged or the file is not UTF-8. The file is then untouched.
    """
    if path.exists():
        before = path.read_bytes()
        try:
            text = before.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path.name} is not UTF-8 (byte {error.start}). Save it as UTF-8, then run "
                "`report` again."
            ) from error
    elif skeleton is not None:
        before, text = b"", skeleton
    else:
        logger.info("%s is not there; its blocks are left out.", path.name)
        return list(blocks)
    missing = []
    for name, content in blocks.items():
        replaced = replace_block(text, name, content, path.name)
        if replaced is None:
            missing.append(name)
        else:
            text = replaced
    if missing:
        logger.info(
            "%s has no block %s; it is left out. To have it back, add the lines "
            "<!-- NAME:start --> and <!-- NAME:end -->.",
            path.name,
            ", ".join(missing),
        )
    after = text.encode("utf-8")
    if after != before:
        write_bytes(path, after)
    return missing


def unfilled(text: str) -> list[str]:
    """Return the instructions of the `<!-- owner: ... -->` sections that nobody has filled."""
    return [" ".join(found.split()) for found in OWNER.findall(text)]
