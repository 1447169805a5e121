"""Zip archives, as data sets are downloaded: unpacked once, and nowhere but into one folder."""

import hashlib
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from ..project.errors import UserError
from .layouts import JUNK

_DAMAGED = (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error)


def archives_of(path: Path) -> list[Path]:
    """The archives to unpack: the file itself, or those of a folder that holds nothing else to read."""
    if path.is_file():
        return [path] if zipfile.is_zipfile(path) else []
    if not path.is_dir():
        return []
    inside = [each for each in sorted(path.iterdir()) if not JUNK.match(each.name)]
    found = [each for each in inside if each.suffix.lower() == ".zip"]
    return [] if any(each.is_dir() for each in inside) else found


def unpack(archives: list[Path], folder: Path) -> Path:
    """Unpack each archive into a folder of its name; what is unpacked already is left.

    Returns
    -------
    Path
        The folder below `folder` that stands for these archives as they are now.

    Raises
    ------
    UserError
        If one is damaged, encrypted, larger than the disk, or names files outside its folder.
    """
    state = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in archives]
    target = folder / hashlib.sha256(repr(state).encode()).hexdigest()[:12]
    if target.is_dir():
        return target
    unfinished = folder / f"{target.name}.part"
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        for archive in archives:
            _unpack(archive, unfinished / archive.stem)
        unfinished.rename(target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [each for each in opened.infolist() if not each.is_dir()]
            needed = sum(each.file_size for each in entries)
            if needed > shutil.disk_usage(folder.parent).free:
                raise UserError(
                    f"{archive.name} would unpack to {needed / 1e9:,.1f} GB: more than is free."
                )
            for entry in entries:
                place = _place(archive, entry)
                if any(JUNK.match(part) for part in place.parts):
                    continue
                path = folder / place
                path.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(entry) as source, path.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
    except _DAMAGED as error:
        raise UserError(
            f"{archive.name} is damaged and cannot be unpacked ({error}). Download it again."
        ) from error
    except RuntimeError as error:
        raise UserError(
            f"{archive.name} is encrypted. Unpack it yourself into a folder."
        ) from error


def _place(archive: Path, entry: zipfile.ZipInfo) -> PurePosixPath:
    name = entry.filename
    if not entry.flag_bits & 0x800:
        # Many archivers write UTF-8 and do not say so; zipfile then reads code page 437.
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = entry.filename
    place = PurePosixPath(name.replace("\\", "/"))
    outside = place.is_absolute() or ".." in place.parts or ":" in place.parts[0]
    if outside or stat.S_ISLNK(entry.external_attr >> 16):
        raise UserError(
            f"{archive.name} names a file outside its own folder ({name!r}) and is not unpacked."
        )
    return place
