"""Folders as people download them: where each image's class stands, and which images are for testing.

A class is the name of a folder, or a cell of a table that lies beside the images. Folders called
train, val and test above those of the classes (or below them) are taken for what they say.
"""

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..project.errors import UserError
from .decoding import SUFFIXES

ROLES = {
    **dict.fromkeys(("train", "training", "trainset"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "valset"), "train"),
    **dict.fromkeys(("test", "testing", "testset"), "test"),
}
TABLES = frozenset({".csv", ".tsv"})
# Columns that are taken for the classes where a table has several, the first of these first.
LABELS = (
    "label", "labels", "class", "classes", "category", "target", "class_name", "classname", "label_name",
    "diagnosis", "dx", "species", "breed", "variety", "type", "y",
)  # fmt: skip
# Of the names in a table or of the images, how many the other must have.
MOST = 0.5
JUNK = re.compile(r"\.|__MACOSX$|Thumbs\.db$|desktop\.ini$", re.IGNORECASE)


@dataclass(frozen=True)
class Placed:
    """One file with its class, `train` or `test` where the layout says so, and cells of its table."""

    path: Path
    label: str
    subset: str | None = None
    facts: dict[str, str] = field(default_factory=dict)


@dataclass
class Layout:
    """What is found under a folder.

    Attributes
    ----------
    files : list of Placed
        In the order of their names.
    others : list of str
        Files that are not read.
    classes : dict
        By class folder, how many files it holds of whatever kind, and of their suffixes.
    told : list of str
        How the folders were understood, in sentences.
    tables : list of Path
        Those that the classes are read from.
    """

    files: list[Placed] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    classes: dict[str, Counter[str]] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    tables: list[Path] = field(default_factory=list)


def normal(name: str) -> str:
    """A class name in one spelling: systems write an accented letter as one character or as two."""
    return unicodedata.normalize("NFC", name).strip()


def recognise(folder: Path, column: str | None = None, facts: Sequence[str] = ()) -> Layout:
    """Find the images under `folder`, their classes, and a test set that is given.

    Parameters
    ----------
    folder : Path
    column : str, optional
        Of a table, the one that holds the classes.
    facts : sequence of str, optional
        Of the same table, further columns to keep.

    Raises
    ------
    UserError
        If no layout fits, or no table has these columns.
    """
    if not folder.is_dir():
        raise UserError(
            f"`data.path` is {str(folder)!r}, which is not a folder. Put your images into "
            f"{folder}/<class>/, one folder a class."
        )
    top, every = _unwrapped(folder)
    images = [path for path in every if path.suffix.lower() in SUFFIXES]
    layout = _by_table(top, every, images, column, facts) or _by_folders(top, every, images)
    missing = [name for name in facts if not any(name in each.facts for each in layout.files)]
    if missing and layout.files:
        raise UserError(
            f"`data.slices` and `data.certainty` name columns of the table of files and classes beside "
            f"the images, and none is called {', '.join(map(repr, missing))}."
        )
    used = {placed.path for placed in layout.files} | {*layout.tables}
    layout.others += [_name(path, top) for path in every if path not in used]
    if not images and any(path.suffix.lower() == ".zip" for path in every):
        raise UserError(f"{folder}/ holds archives below its top; unpack them, or move them up.")
    return layout


def _name(path: Path, top: Path) -> str:
    return path.relative_to(top).as_posix()


def _unwrapped(folder: Path) -> tuple[Path, list[Path]]:
    """The folder that holds more than one folder, and every file under it that people put there."""
    while True:
        every = [
            path
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not any(map(JUNK.match, path.relative_to(folder).parts))
        ]
        inside = [p for p in folder.iterdir() if not JUNK.match(p.name)]
        below = [p for p in inside[0].iterdir() if p.is_dir()] if _is_only_folder(inside) else []
        if not any(not JUNK.match(path.name) for path in below):
            return folder, every
        folder = inside[0]


def _is_only_folder(inside: list[Path]) -> bool:
    return len(inside) == 1 and inside[0].is_dir()


def _role(name: str) -> str | None:
    """`train` or `test`, if one of the words of a folder's name says so."""
    words = re.findall(r"[a-z]+", name.casefold())
    return next((ROLES[word] for word in words if word in ROLES), None)


def _by_folders(top: Path, every: list[Path], images: list[Path]) -> Layout:
    depths = defaultdict(set)
    for path in images:
        parts = path.relative_to(top).parts
        depths[parts[0]].add(len(parts) - 1)
    folders = sorted(p.name for p in top.iterdir() if p.is_dir() and not JUNK.match(p.name))
    if not folders:
        raise UserError(
            f"{top}/ holds no folders. Put the images of each class into a folder named for it: "
            f"{top}/cat/1.jpg, {top}/dog/2.jpg. Or put a table beside them, with a column of file "
            "names and one of classes."
        )
    # A folder of trains has its images in it; one for training has the classes' folders in it.
    given = {name: _role(name) for name in folders if max(depths[name], default=0) > 1}
    roles = {name: role for name, role in given.items() if role}
    if "train" in roles.values() and all(given.values()):
        return _split_above(top, every, roles, [name for name in folders if name not in roles])
    return _split_below(top, every, images)


def _split_above(top: Path, every: list[Path], roles: dict[str, str], rest: list[str]) -> Layout:
    layout = Layout()
    for path in every:
        parts = path.relative_to(top).parts
        if parts[0] in roles and len(parts) > 2:
            # `seg_train/seg_train/forest/1.jpg`: an archive in a folder of its own name.
            skip = 2 if len(parts) > 3 and _role(parts[1]) == roles[parts[0]] else 1
            _place(layout, path, parts[skip], roles[parts[0]])
    _tell(layout, roles)
    unlabelled = [name for name in rest if any(p.is_file() for p in (top / name).rglob("*"))]
    if unlabelled:
        layout.told.append(
            f"Not read, since there are no folders of classes in them: {', '.join(unlabelled)}."
        )
    return layout


def _split_below(top: Path, every: list[Path], images: list[Path]) -> Layout:
    """Classes on top; below each of them the subsets, if all images lie in folders called so."""
    parts = [path.relative_to(top).parts for path in images]
    roles = {each[1]: _role(each[1]) for each in parts if len(each) > 2}
    given = all(len(each) > 2 for each in parts) and all(roles.values()) and len(roles) > 1
    layout = Layout()
    for path in every:
        each = path.relative_to(top).parts
        if len(each) > 1:
            _place(layout, path, each[0], roles.get(each[1]) if given else None)
    if given:
        _tell(layout, {name: role for name, role in roles.items() if role})
    for folder in top.iterdir():
        if folder.is_dir() and not JUNK.match(folder.name):
            layout.classes.setdefault(normal(folder.name), Counter())
    return layout


def _place(layout: Layout, path: Path, name: str, subset: str | None) -> None:
    label = normal(name)
    layout.classes.setdefault(label, Counter())[path.suffix.lower()] += 1
    if path.suffix.lower() in SUFFIXES:
        layout.files.append(Placed(path, label, subset))


def _tell(layout: Layout, roles: dict[str, str]) -> None:
    tests = sorted(name for name, role in roles.items() if role == "test")
    trains = sorted(name for name, role in roles.items() if role == "train")
    known = {each.label for each in layout.files if each.subset == "train"}
    foreign = sorted({each.label for each in layout.files if each.subset == "test"} - known)
    if foreign:
        raise UserError(
            f"Classes of the test folder that {' and '.join(trains)} have no image of: "
            f"{', '.join(map(repr, foreign[:5]))}. Rename the folders so that they agree, or take "
            "these away."
        )
    if tests:
        layout.told.append(
            f"The given test set is kept: images under {' and '.join(tests)} are for testing, those "
            f"under {' and '.join(trains)} for training; `split.test_size` is not used."
        )
    else:
        layout.told.append(
            f"Images under {' and '.join(trains)} are taken together: there is no folder of test "
            "images, so the test set is drawn."
        )
        layout.files = [Placed(each.path, each.label) for each in layout.files]


@dataclass
class _Table:
    """What a table says: a label by file, a subset where it has a column of those, facts asked for."""

    path: Path
    column: str
    labels: dict[Path, str]
    subsets: dict[Path, str]
    facts: dict[Path, dict[str, str]]
    told: list[str]


def _by_table(
    top: Path, every: list[Path], images: list[Path], column: str | None, facts: Sequence[str]
) -> Layout | None:
    """Classes from tables beside the images, where the folders say nothing or the table says better."""
    candidates = [
        path
        for path in every
        if path.suffix.lower() in TABLES
        and "submission" not in path.name.casefold()
        and len(path.relative_to(top).parts) <= 2
    ]
    if not images or not candidates:
        return None
    parents = {path.relative_to(top).parts[0] for path in images if path.parent != top}
    flat = len({path.parent for path in images}) == 1 or any(path.parent == top for path in images)
    flat = flat or all(_role(name) or "image" in name.casefold() for name in parents)
    tables = [
        table
        for path in candidates
        if (table := _read_table(path, top, images, column, facts, sure=not flat)) is not None
    ]
    if column is not None and not tables:
        raise UserError(
            f"`data.label_column` is {column!r}, which is not a column of a table of file names "
            f"beside the images ({', '.join(_name(path, top) for path in candidates[:5])})."
        )
    if not tables:
        if flat and len({path.parent for path in images}) == 1:
            raise UserError(
                f"None of the tables beside the images ({', '.join(p.name for p in candidates[:5])}) "
                "has a column with the names of the files and one with their classes. Name the "
                "latter by `data.label_column`, or put each class into a folder."
            )
        return None
    return _of_tables(top, images, tables)


def _of_tables(top: Path, images: list[Path], tables: list[_Table]) -> Layout:
    layout = Layout(tables=[table.path for table in tables])
    labels: dict[Path, str] = {}
    subsets: dict[Path, str] = {}
    facts: dict[Path, dict[str, str]] = {}
    for table in tables:
        labels |= table.labels
        subsets |= table.subsets
        facts |= table.facts
        layout.told += table.told
    if "test" not in subsets.values() or "train" not in subsets.values():
        subsets = {}
    for path in images:
        if labels.get(path):
            layout.files.append(Placed(path, labels[path], subsets.get(path), facts.get(path, {})))
            layout.classes.setdefault(labels[path], Counter())[path.suffix.lower()] += 1
    without = [_name(path, top) for path in images if not labels.get(path)]
    if without:
        more = f" and {len(without) - 5:,} more" if len(without) > 5 else ""
        layout.told.append(
            f"Not used, since no table gives them a class: {', '.join(without[:5])}{more}."
        )
    if subsets:
        layout.told.append(
            "The given test set is kept, as the tables say it; `split.test_size` is not used."
        )
    return layout


def _rows(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    head = text[:4096].partition("\n")[0]
    delimiter = max(",;\t", key=head.count)
    return [
        [cell.strip() for cell in row]
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if any(cell.strip() for cell in row)
    ]


def _keys(path: Path, top: Path) -> list[str]:
    """What a table may call a file, the most certain first."""
    whole = PurePosixPath(normal(_name(path, top)))
    tails = ["/".join(whole.parts[k:]) for k in range(len(whole.parts))]
    return [
        key.casefold() for tail in tails for key in (tail, str(PurePosixPath(tail).with_suffix("")))
    ]


def _read_table(
    path: Path,
    top: Path,
    images: list[Path],
    column: str | None,
    facts: Sequence[str],
    sure: bool,
) -> _Table | None:
    rows = _rows(path)
    width = max(map(len, rows), default=0)
    if width < 2:
        return None
    files: dict[str, Path | None] = {}
    for image in images:
        for key in _keys(image, top):
            files[key] = image if files.get(key, image) == image else None

    def file_of(cell: str) -> Path | None:
        name = normal(cell).replace("\\", "/").removeprefix("./").casefold()
        return files.get(name) or files.get(name.rpartition("/")[2])

    rows = [row + [""] * (width - len(row)) for row in rows]
    body = rows if any(file_of(cell) for cell in rows[0]) else rows[1:]
    header = [f"column {k + 1}" for k in range(width)] if body is rows else rows[0]
    hits = [sum(file_of(row[k]) is not None for row in body) for k in range(width)]
    names = max(range(width), key=hits.__getitem__)
    if not body or hits[names] < MOST * min(len(body), len(images)):
        return None
    subset = next((k for k in range(width) if k != names and _all_roles(body, k)), None)
    rest = [k for k in range(width) if k not in (names, subset)]
    values = _labels(header, body, rest, column, sure)
    if values is None:
        return None
    table = _Table(path, values[0], {}, {}, {}, [])
    kept = {name: header.index(name) for name in facts if name in header}
    role, torn, gone = _role(path.stem), set(), 0
    for row, label in zip(body, values[1], strict=True):
        found = file_of(row[names])
        if found is None:
            gone += 1
            continue
        image = found
        if table.labels.setdefault(image, label) != label:
            torn.add(image)
        table.facts[image] = {name: normal(row[k]) for name, k in kept.items()}
        given = _role(row[subset]) if subset is not None else role
        if given:
            table.subsets[image] = given
    for image in torn:
        table.labels[image] = ""
    table.told.append(
        f"Classes are read from {_name(path, top)}, column {values[0]!r}; the names of folders are not "
        "used. `data.label_column` takes another."
    )
    if gone:
        table.told.append(f"{_name(path, top)}: {gone:,} rows name no file that is there.")
    if torn:
        table.told.append(
            f"{_name(path, top)}: {len(torn):,} files have rows of several classes and are not used."
        )
    return table


def _all_roles(body: list[list[str]], column: int) -> bool:
    found = {row[column] for row in body}
    return len(found) > 1 and all(_role(cell) for cell in found)


def _labels(
    header: list[str], body: list[list[str]], rest: list[int], column: str | None, sure: bool
) -> tuple[str, list[str]] | None:
    """The name of the column of classes, and a class for each row."""
    if column is not None:
        rest = [k for k in rest if header[k] == column]
        known = rest
    else:
        low = [name.casefold().strip().replace(" ", "_") for name in header]
        known = sorted((k for k in rest if low[k] in LABELS), key=lambda k: LABELS.index(low[k]))
    if known:
        return header[known[0]], [normal(row[known[0]]) for row in body]
    if sure:
        return None
    marks = {"0", "1", "0.0", "1.0"}
    if len(rest) > 1 and all(
        {row[k] for k in rest} <= marks and sum(float(row[k]) for k in rest) == 1 for row in body
    ):
        # One column a class, with a 1 in one of them.
        hot = [next(k for k in rest if float(row[k]) == 1) for row in body]
        return ", ".join(header[k] for k in rest), [normal(header[k]) for k in hot]
    # A class is met more than once.
    repeating = [k for k in rest if 1 < len({row[k] for row in body}) <= len(body) / 2]
    if len(repeating) == 1:
        return header[repeating[0]], [normal(row[repeating[0]]) for row in body]
    if len(repeating) > 1:
        raise UserError(
            "The table beside the images has several columns that may hold the classes: "
            f"{', '.join(repr(header[k]) for k in repeating[:8])}. Name one by `data.label_column`."
        )
    return None
