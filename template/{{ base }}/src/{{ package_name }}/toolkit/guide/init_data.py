"""A guided start with a table of your own: look at it, propose settings, write params.yaml."""

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from .. import leaks
from ..commands.progress import working
from ..evaluation import display
from ..profiling import columns as profiling
from ..profiling import contract, kinds
from ..profiling.columns import Profile
from ..profiling.describing import ColumnProfile
from ..project import yaml_files
from ..project.errors import UserError
from ..project.files import sha256, write_text
from ..project.settings import PARAMS_FILE, Project
from ..reading import tables
from ..reading.settings import Data
from ..splitting import tables as splits

SENSITIVE = re.compile(
    r"(?:^|[\W_\d])(?:sex|gender|age|race|racial|ethnic\w*|nationality|religion|marital\w*|"
    r"disab\w*|citizen\w*|foreign\w*|pregnan\w*|skin|caste|orientation|sexe|geschlecht|alter|"
    r"sesso|sexo|edad|genre)(?:$|[\W_\d])",
    re.IGNORECASE,
)
BIRTH = re.compile(r"birth|born|dob\b|geburt|naiss|nacim", re.IGNORECASE)
HAPPENED = re.compile(
    r"date|time|stamp|day|when|created|at$|month|year|datum|zeit|fecha|quand|jour", re.IGNORECASE
)
SAMPLE_COMMENT = re.compile(r"^# A traveller.*\n(?=costs:)", re.MULTILINE)
COSTS_COMMENT = "# What a wrong answer of each kind costs you; the threshold follows from it.\n"


TARGET = re.compile(
    r"^(?:target|label|class|y|outcome|response|result|churn\w*|default\w*|ziel\w*)$", re.IGNORECASE
)
LARGEST_COPY = 2**29  # bytes; a larger file is referred to where it lies
# What the owner may have set for this very table before, and a second look keeps.
KEPT = ("labels", "merge_labels", "missing", "formats", "bounds", "accept")


@dataclass
class Proposal:
    """What to write under `data:`, and why, sentence by sentence."""

    data: Data
    task: str
    time: str | None = None
    group: str | None = None
    drop: list[str] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)
    formats: dict[str, str] = field(default_factory=dict)
    merge_labels: dict[str, list[str]] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


def run(
    project: Project,
    path: Path,
    target: str | None,
    run_data: Callable[[Project, Any], Any],
    confirm: Callable[[str], bool],
    say: Callable[[str], None] = print,
) -> str:
    """Profile a table, propose settings, write params.yaml and DATA.md.

    Parameters
    ----------
    project : Project
    path : Path
        A CSV or Parquet file, or a `.sql` file to be run against DATABASE_URL.
    target : str, optional
        The column to predict; without it one is proposed.
    run_data : callable
        The data stage, so that DATA.md and the leak checks speak of what was settled.
    confirm : callable
        Shown the proposal as YAML; whether it is to be written.
    say : callable
        Shows a sentence.

    Returns
    -------
    str
        What was done.

    Raises
    ------
    UserError
        If the table cannot be used. Nothing is written then.
    """
    root, parameters = project.root, project.params()
    full = _existing(root, path)
    sql = full.suffix.lower() == ".sql"
    location, copied, reasons = _location(root, full, "sql" if sql else "data/raw")
    key, before = "query" if sql else "path", parameters.data
    again = getattr(before, key) == location and target in (None, before.target)
    target = before.target if again else target
    chosen = Data.model_validate(
        {
            **(before.model_dump(mode="json", include=set(KEPT)) if again else {}),
            "source": "sql" if sql else "file",
            "target": target or "",
            key: os.path.relpath(full, root),
        }
    )
    with working(f"looking at {full.name}"):
        table = tables.load(chosen, root, project.environment().database_url)
        if target is None:
            target, why = _target(list(table.frame.columns))
            reasons.append(f"target: {target}, {why}.")
        chosen = chosen.model_copy(update={"target": target, key: location})
        found = profiling.run(table, chosen)
        proposal = propose(found, chosen, parameters.split.test_size, parameters.seed)
    for sentence in [*reasons, *proposal.reasons]:
        say(sentence)
    settings = _settings(proposal)
    if not confirm(yaml_files.dump({"data": settings}, comments=True)):
        return "Nothing was written. What you would have otherwise can be set in params.yaml."
    if copied:
        _copy(full, copied)
    _write(project, settings)
    with working("data"):
        run_data(project, project.params())
    return "Written: params.yaml and DATA.md. Fill in the owner sections of DATA.md, then `run`."


def _settings(proposal: Proposal) -> dict[str, Any]:
    """The keys of `data:` that the proposal sets."""
    data = proposal.data
    kept = {key: data.model_dump(mode="json", include={key})[key] for key in KEPT}
    kept["merge_labels"] |= proposal.merge_labels
    kept["formats"] = proposal.formats | kept["formats"]
    return {
        "source": data.source,
        "query" if data.source == "sql" else "path": data.query or data.path,
        "target": data.target,
        "task": proposal.task,
        "positive": None,
        "time": proposal.time,
        "group": proposal.group,
        "drop": _flow(proposal.drop),
        "sensitive": _flow(proposal.sensitive),
        **{key: _flow(value) for key, value in kept.items()},
        "limit": None,
        "lookups": _flow([]),
    }


def _existing(root: Path, path: Path) -> Path:
    full = Path.cwd() / path
    return (root / path if not full.exists() and (root / path).exists() else full).resolve()


def _location(root: Path, full: Path, folder: str) -> tuple[str, Path | None, list[str]]:
    """Where the project will find a file, the place it must be copied to first, and why."""
    root = root.resolve()
    if full.is_relative_to(root):
        return full.relative_to(root).as_posix(), None, []
    copy = root / folder / full.name
    if full.is_file() and full.stat().st_size <= LARGEST_COPY:
        if not copy.exists() or sha256(copy) == sha256(full):
            said = f"path: {full.name} lies outside the project; it is copied to {folder}/."
            return copy.relative_to(root).as_posix(), copy, [said]
        why = f"{folder}/ has another file of its name"
    else:
        why = f"it has more than {LARGEST_COPY >> 20} MB"
    try:
        location = Path(os.path.relpath(full, root)).as_posix()
    except ValueError:  # another drive of Windows
        location = full.as_posix()
    said = f"path: {location} lies outside the project and stays there, since {why}."
    return location, None, [f"{said} Whoever clones the project needs it in the same place."]


def _copy(full: Path, copy: Path) -> None:
    unfinished = copy.with_name(f".{copy.name}.unfinished")
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(full, unfinished)
        unfinished.replace(copy)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise UserError(
            f"{full.name} could not be copied to {copy.parent} ({error.strerror}); nothing was "
            "written. Free some space, or put the file into the project yourself."
        ) from error


def _target(names: list[str]) -> tuple[str, str]:
    named = [name for name in names if TARGET.match(name.strip())]
    return (
        (named[-1], "by its name") if named else (names[-1], "the last column (or name --target)")
    )


def propose(found: Profile, data: Data, test_size: float = 0.2, seed: int = 0) -> Proposal:
    """Propose the settings of a profiled table, with reasons."""
    target = found.target
    result = Proposal(data, target.task)
    result.reasons.append(f"reading: {found.written}")
    if found.default.decimal == ",":
        result.formats["default"] = "1.234,56"
    result.reasons.append(f"task: {target.task}, because {target.reason}.")
    if target.positive is not None:
        result.reasons.append(f"positive class: {target.positive}, {target.positive_reason}.")
    _labels(found, result)
    for column in found.columns:
        if not column.used and column.reason != "target":
            result.reasons.append(f"not used: {column.name} ({column.reason}).")
    result.time = _time(found, result.reasons)
    result.group = _group(found, result)
    result.sensitive = [
        c.name for c in found.columns if c.used and c.kind != "text" and SENSITIVE.search(c.name)
    ]
    for name in result.sensitive:
        result.reasons.append(f"sensitive: {name}, by its name; the report compares its groups.")
    result.drop = _leaking(found, result, test_size, seed)
    return result


def _labels(found: Profile, proposal: Proposal) -> None:
    """Join labels that seem to mean the same; every other warning is told."""
    for warning in found.warnings:
        groups = [example.split(" / ") for example in warning.examples]
        known = all(label in (found.target.counts or {}) for group in groups for label in group)
        if warning.kind == "labels alike" and known:
            proposal.merge_labels |= {group[0]: group[1:] for group in groups}
            told = "; ".join(warning.examples)
            proposal.reasons.append(f"merge_labels: {told} seem to mean the same.")
        elif not warning.mended:
            proposal.reasons.append(f"doubt: {display.warning(warning.to_json())}")


def _time(found: Profile, reasons: list[str]) -> str | None:
    dates = [c for c in found.columns if c.used and c.kind == "date" and c.distinct > 10]
    for column in dates:
        if column.missing or BIRTH.search(column.name):
            why = "it has gaps" if column.missing else "it is a date of birth"
            reasons.append(f"time: not {column.name}, {why}.")
    usable = [c for c in dates if not c.missing and not BIRTH.search(c.name)]
    if not usable:
        return None
    best = max(usable, key=lambda c: (bool(HAPPENED.search(c.name)), c.distinct))
    reasons.append(
        f"time: {best.name}, its dates run from {best.min[:10]} to {best.max[:10]}; the newest rows "
        "become the test set."
    )
    return best.name


def _group(found: Profile, proposal: Proposal) -> str | None:
    entities = [
        c
        for c in found.columns
        if c.name not in (proposal.data.target, proposal.time)
        and c.distinct >= 20
        and (c.kind == "category" or c.integer)
        and c.rows - c.missing >= 1.2 * c.distinct
        and kinds.ID_NAME.search(c.name)
    ]
    if not entities:
        return None
    best: ColumnProfile = max(entities, key=lambda c: c.distinct)
    if proposal.time:
        proposal.reasons.append(
            f"group: none; {best.name} repeats, and the split by {proposal.time} meets the same "
            "ones again as the model will."
        )
        return None
    proposal.reasons.append(
        f"group: {best.name}, {best.distinct:,} values in {best.rows:,} rows: rows of one stay on "
        "one side."
    )
    return best.name


def _leaking(found: Profile, proposal: Proposal, test_size: float, seed: int) -> list[str]:
    """Columns that fail a leak check, unless nothing would be left."""
    description = contract.infer(found.frame, found, Data(target=proposal.data.target))
    columns = contract.columns_from_frame(description, found.frame)
    codes = found.y
    split = splits.split_at_random(codes, found.target.classes is not None, test_size, seed)
    dropped: list[str] = []
    for finding in leaks.run(found, split, columns, codes, seed):
        if finding.status != "failed" or not finding.columns:
            continue
        if finding.check == "target-arithmetic":
            proposal.reasons.append(f"doubt: {finding.detail} {finding.remedy}")
            continue
        dropped += [name for name in finding.columns if name not in dropped]
        proposal.reasons.append(f"drop: {finding.detail} Take it back if it is honest.")
    if len(dropped) >= len(columns):
        proposal.reasons.append("drop: nothing after all; no column would be left.")
        return []
    return [name for name in dropped if name != proposal.time]


def _write(project: Project, settings: dict[str, Any]) -> None:
    """Change the keys of `data:` and what belongs to the sample; comments and the rest stay.

    Raises
    ------
    UserError
        If what would be written is not read back as it was meant. The old file stays then.
    """
    path = project.root / PARAMS_FILE
    content = yaml_files.load(path.read_text("utf-8"), comments=True)
    content.setdefault("data", CommentedMap()).update(settings)
    if "ladder" in content:
        content["ladder"]["rule"] = None
    text = SAMPLE_COMMENT.sub(COSTS_COMMENT, yaml_files.dump(content, comments=True))
    # The blank line belonged to the list of lookups that is gone.
    text = re.sub(r"(?<!\n)\nsplit:", "\n\nsplit:", text)
    read = yaml_files.load(text)
    wrong = [key for key, value in settings.items() if read["data"][key] != value]
    if wrong:
        raise UserError(
            f"{path.name} was left as it is: `data.{wrong[0]}` would be {settings[wrong[0]]!r}, and "
            f"is read back as {read['data'][wrong[0]]!r}. Rename the column or the file."
        )
    project.check(read)
    write_text(path, text)


def _flow(value: Any) -> Any:
    """Write a list or a mapping on one line."""
    result = CommentedMap(value) if isinstance(value, dict) else CommentedSeq(value)
    result.fa.set_flow_style()
    return result
