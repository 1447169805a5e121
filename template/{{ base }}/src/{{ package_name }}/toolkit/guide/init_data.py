"""A guided start with a table of your own: look at it, propose settings, write params.yaml."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from .. import leaks
from ..profiling import columns as profiling
from ..profiling import contract, kinds
from ..profiling.columns import Profile
from ..profiling.describing import ColumnProfile
from ..project.errors import UserError
from ..project.files import write_bytes
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


@dataclass
class Proposal:
    """What to write under `data:`, and why, sentence by sentence."""

    source: str
    location: str
    target: str
    task: str
    time: str | None = None
    group: str | None = None
    drop: list[str] = field(default_factory=list)
    sensitive: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def run(
    project: Project,
    path: Path,
    target: str,
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
    target : str
        The column to predict.
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
    location, source = _location(root, path)
    chosen = Data.model_validate(
        {"source": source, "target": target, "query" if source == "sql" else "path": location}
    )
    table = tables.load(chosen, root, project.environment().database_url)
    found = profiling.run(table, chosen)
    proposal = propose(found, source, location, parameters.split.test_size, parameters.seed)
    for sentence in proposal.reasons:
        say(sentence)
    if not confirm(_as_yaml(proposal)):
        return "Nothing was written. What you would have otherwise can be set in params.yaml."
    _write(root, proposal)
    run_data(project, project.params())
    return "Written: params.yaml and DATA.md. Fill in the owner sections of DATA.md, then `run`."


def _as_yaml(proposal: Proposal) -> str:
    buffer = io.StringIO()
    _yaml().dump({"data": _settings(proposal)}, buffer)
    return buffer.getvalue()


def _settings(proposal: Proposal) -> dict[str, Any]:
    """The keys of `data:` that the proposal sets."""
    return {
        "source": proposal.source,
        "query" if proposal.source == "sql" else "path": proposal.location,
        "target": proposal.target,
        "task": proposal.task,
        "positive": None,
        "time": proposal.time,
        "group": proposal.group,
        "drop": _flow(proposal.drop),
        "sensitive": _flow(proposal.sensitive),
        "limit": None,
        "lookups": _flow([]),
    }


def _location(root: Path, path: Path) -> tuple[str, str]:
    full = Path.cwd() / path
    if not full.exists() and (root / path).exists():
        full = root / path
    source = "sql" if full.suffix.lower() == ".sql" else "file"
    try:
        return full.resolve().relative_to(root.resolve()).as_posix(), source
    except ValueError:
        return full.resolve().as_posix(), source


def propose(
    found: Profile, source: str, location: str, test_size: float = 0.2, seed: int = 0
) -> Proposal:
    """Propose time, group, sensitive and dropped columns of a profiled table, with reasons."""
    target = found.target
    result = Proposal(source, location, target.name, target.task)
    result.reasons.append(f"task: {target.task}, because {target.reason}.")
    if target.positive is not None:
        result.reasons.append(f"positive class: {target.positive}, {target.positive_reason}.")
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
        if c.name not in (proposal.target, proposal.time)
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
    description = contract.infer(found.frame, found, Data(target=proposal.target))
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


def _write(root: Path, proposal: Proposal) -> None:
    """Change the keys of `data:` and what belongs to the sample; comments and the rest stay."""
    path = root / PARAMS_FILE
    yaml = _yaml()
    try:
        content = yaml.load(path.read_text("utf-8"))
    except (OSError, YAMLError) as error:
        raise UserError(f"{path.name} cannot be read ({error}).") from error
    section: Any = content.setdefault("data", CommentedMap())
    section.update(_settings(proposal))
    if "ladder" in content:
        content["ladder"]["rule"] = None
    buffer = io.StringIO()
    yaml.dump(content, buffer)
    text = SAMPLE_COMMENT.sub(COSTS_COMMENT, buffer.getvalue())
    # The blank line belonged to the list of lookups that is gone.
    text = re.sub(r"(?<!\n)\nsplit:", "\n\nsplit:", text)
    write_bytes(path, text.encode("utf-8"))


def _yaml() -> YAML:
    """Keep comments, quotes and long lines, and write `null` where nothing is set."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.representer.add_representer(
        type(None),
        lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
    )
    return yaml


def _flow(items: list[str]) -> CommentedSeq:
    sequence = CommentedSeq(items)
    sequence.fa.set_flow_style()
    return sequence
