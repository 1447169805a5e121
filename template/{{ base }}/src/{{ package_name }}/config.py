"""`params.yaml` and the environment, typed. Nothing else reads either."""

import difflib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from dotenv import dotenv_values
from pydantic import Field, ValidationError

from .errors import UserError
from .section import Section
from .settings import RoleEnvironment, RoleParams

PARAMS_FILE = "params.yaml"
NO_TEXT = ("", "null", "~")
# Where a key may be of several kinds, pydantic tells of each, by these names.
KIND = re.compile(r"(literal|constrained|bool|int|float|str)\b.*")


class Split(Section):
    """The part of the rows that is opened once, at the end."""

    test_size: float = Field(default=0.2, gt=0, lt=1)


class CrossValidation(Section):
    """How the training rows are folded."""

    folds: int = Field(default=5, ge=2, le=20)


class Ladder(Section):
    """Which rungs are climbed."""

    rule: str | None = None
    skip: list[str] = []


class Review(Section):
    """When an answer goes to a person."""

    confidence_floor: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = 0.6


class Serving(Section):
    """Bounds of the HTTP service."""

    max_body_mb: float = Field(default=10, gt=0)
    max_batch: int = Field(default=10_000, ge=1)
    max_in_flight: int = Field(default=64, ge=1)
    rate_per_minute: int = Field(default=0, ge=0)


class Params(RoleParams):
    """All of `params.yaml`."""

    split: Split = Split()
    cv: CrossValidation = CrossValidation()
    metric: str = "auto"
    ladder: Ladder = Ladder()
    review: Review = Review()
    serving: Serving = Serving()
    seed: int = Field(default=0, ge=0, lt=2**32)


class Environment(RoleEnvironment):
    """Secrets and addresses; `.env` fills in what the process environment does not set."""

    mlflow_tracking_uri: str | None = None
    api_key: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)


def load(root: Path, overrides: Sequence[str] = ()) -> Params:
    """Read and check `params.yaml`.

    Parameters
    ----------
    root : Path
        The project's folder.
    overrides : sequence of str
        `section.key=value` pairs; values are YAML, and a later pair wins.

    Raises
    ------
    UserError
        For a missing or unreadable file, an unknown key, a wrong type or value; the message
        names the key, the value and what would be right.
    """
    path = root / PARAMS_FILE
    try:
        values = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{PARAMS_FILE} is not in {root.resolve().name}/. Run the command in the project's "
            "folder, or restore the file with `git checkout params.yaml`."
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{PARAMS_FILE} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{PARAMS_FILE} must hold sections such as `data:`; it holds {values!r}.")
    for pair in overrides:
        _override(values, pair)
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise UserError(_explain(error, PARAMS_FILE)) from error


def _override(values: dict[str, Any], pair: str) -> None:
    name, equals, text = pair.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {pair}: write it as section.key=value, such as data.limit=5000.")
    *sections, key = name.strip().split(".")
    try:
        # A text is taken as it is: columns and files may be called `yes` or `Cost: #1`.
        verbatim = _wants_text([*sections, key]) and text[:1] not in ("'", '"')
        value = text if verbatim and text not in NO_TEXT else yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--set {pair}: {text!r} is not a YAML value ({error}).") from error
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {pair}: `{section}` is a value, not a section.")
        values = inner
    values[key] = value


def _wants_text(location: list[str]) -> bool:
    """Whether the key at `location` holds a text or nothing."""
    known = _known_at(location[:-1])
    field = known.get(location[-1]) if known else None
    return field is not None and field.annotation in (str, str | None)


def environment(root: Path) -> Environment:
    """Read the environment variables the project knows.

    Raises
    ------
    UserError
        If one has a value that cannot be used.
    """
    values = {**dotenv_values(root / ".env"), **os.environ}
    known = {
        name: values[name.upper()] for name in Environment.model_fields if values.get(name.upper())
    }
    try:
        return Environment.model_validate(known)
    except ValidationError as error:
        raise UserError(_explain(error, "The environment")) from error


def _explain(error: ValidationError, source: str) -> str:
    lines: list[str] = []
    wrong: dict[str, str] = {}
    for problem in error.errors():
        location = [str(part) for part in problem["loc"]]
        if len(location) > 1 and KIND.fullmatch(location[-1]):
            location.pop()
        key = ".".join(location)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{source}: unknown key `{key}`.{_hint(location)}")
        elif problem["type"] == "missing":
            lines.append(f"{source}: `{key}` is missing.")
        elif key in wrong:
            wrong[key] += f"; or: {problem['msg'].removeprefix('Input should be ')}"
        else:
            wrong[key] = f"{source}: `{key}` is {problem['input']!r}. {problem['msg']}"
    return "\n".join([*lines, *(f"{line}." for line in wrong.values())])


def _hint(location: list[str]) -> str:
    known = list(_known_at(location[:-1]))
    if not known:
        return ""
    near = difflib.get_close_matches(location[-1], known, n=1)
    return (f" Did you mean `{near[0]}`?" if near else "") + f" Known here: {', '.join(known)}."


def _known_at(sections: list[str]) -> dict[str, Any]:
    """The fields of a section, none if there is no such section."""
    model: Any = Params
    for part in sections:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return getattr(model, "model_fields", {})
