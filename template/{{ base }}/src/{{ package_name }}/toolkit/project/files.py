"""Files and folders that are written whole or not at all, by one command at a time."""

import ctypes
import hashlib
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import UserError

logger = logging.getLogger(__name__)
NEW = ".new-"  # begins the name of what is not whole yet
LOCK = Path(".dvc", "tmp", "at-work")
SECONDS_TO_WRITE = 60  # a file; what is older, or in a folder, is of a command that was killed
_HERE, _EXCHANGE = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of Linux's renameat2


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, then move it into place.

    Raises
    ------
    UserError
        If the disk refuses (full, read-only). What was at `path` is untouched.
    """
    path = Path(path)
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=NEW)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)  # mkstemp gives 0600, which a container's other user cannot read
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise UserError(
            f"Could not write {path}: {error.strerror}. The earlier file is untouched; "
            "free some space or choose a folder you may write to, then run the command again."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text with `\\n` line ends, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON; NaN and infinity are refused, since no JSON reader must accept them."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path, made_by: str) -> Any:
    """Read a JSON file that an earlier stage wrote.

    Parameters
    ----------
    path : Path
        The file.
    made_by : str
        The command that writes it, named in the error when it is not there.

    Raises
    ------
    UserError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(f"{path} is not there yet. Run `{made_by}` first.") from error
    except json.JSONDecodeError as error:
        raise UserError(f"{path} is not valid JSON ({error}). Run `{made_by}` again.") from error


@contextmanager
def alone(root: Path, command: str, lock: Path = LOCK) -> Iterator[int]:
    """Keep the project from being changed by two commands at once: the second waits, and says so.

    The lock falls with its process, however that ends. What commands that were killed left half
    written is removed.

    Parameters
    ----------
    root : Path
        The project's folder.
    command : str
        What is at work.
    lock : Path
        Under `root`.

    Yields
    ------
    int
        The lock's handle; a process that inherits it holds the lock, too.
    """
    (root / lock).parent.mkdir(parents=True, exist_ok=True)
    with (root / lock).open("a+", encoding="utf-8") as file:
        if not hold(file.fileno()):
            file.seek(0)
            logger.warning("Waiting for `%s`, which is at work in this project.", file.read())
            hold(file.fileno(), wait=True)
        file.truncate(0)
        file.write(command)
        file.flush()
        _sweep(root)
        yield file.fileno()


def _sweep(root: Path) -> None:
    for place in (root, root / "data", root / "models", root / "reports"):
        for path in place.glob(f"{NEW}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
                continue
            with suppress(FileNotFoundError):  # its writer has put it in place meanwhile
                if time.time() - path.stat().st_mtime > SECONDS_TO_WRITE:
                    path.unlink()


def hold(handle: int, wait: bool = False) -> bool:
    """Take the lock of an open file, if nobody has it (where the system has no such lock: yes)."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


def replace_folder(new: Path, target: Path) -> None:
    """Put the finished folder `new` in the place of `target`.

    On Linux the two change places in one step. Elsewhere it takes two renames: a process killed
    between them leaves `target` under `<target>.previous`, which `restore_folder` puts back.
    """
    previous = target.with_name(target.name + ".previous")
    target.parent.mkdir(parents=True, exist_ok=True)
    restore_folder(target)
    shutil.rmtree(previous, ignore_errors=True)
    if target.exists() and not _exchange(new, target):
        target.rename(previous)
    if not target.exists():
        new.rename(target)
    shutil.rmtree(new, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two folders in one step; False where the system or the file system cannot."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    paths = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    return rename is not None and rename(_HERE, paths[0], _HERE, paths[1], _EXCHANGE) == 0


def restore_folder(target: Path) -> Path:
    """Undo a `replace_folder` that was killed half-way; return `target`."""
    previous = target.with_name(target.name + ".previous")
    if not target.exists() and previous.exists():
        previous.rename(target)
    return target


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes, read in blocks of 1 MiB."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def folder_state(folder: Path) -> str:
    """Hexadecimal SHA-256 of the names, sizes and times of all files under `folder`."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            state = path.stat()
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()
