"""`params.yaml` and the environment, typed: the sections every role has, and how both are read."""

import difflib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from . import yaml_files
from .errors import UserError

PARAMS_FILE = "params.yaml"
NO_TEXT = ("", "null", "~")
# Where a key may be of several kinds, pydantic reports each under one of these names.
KIND = re.compile(r"(literal|constrained|bool|int|float|str)\b.*")


class Section(BaseModel):
    """A mapping of `params.yaml` in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Section):
    """The part of the rows that is kept for the final test."""

    test_size: float = Field(default=0.2, gt=0, lt=1)


class CrossValidation(Section):
    """How the training rows are folded."""

    folds: int = Field(default=5, ge=2, le=20)


class Ladder(Section):
    """Which candidate models are compared."""

    rule: str | None = None
    skip: list[str] = []


class Costs(Section):
    """What a wrong answer costs, in one currency; with two classes they choose the threshold."""

    false_positive: float = Field(default=1, ge=0)
    false_negative: float = Field(default=1, ge=0)
    currency: str = "USD"


class Review(Section):
    """Which rows go to a person: the share whose best decision is expected to cost most."""

    share: float = Field(default=0.05, ge=0, le=1)


class Serving(Section):
    """Bounds of the HTTP service."""

    max_body_mb: float = Field(default=10, gt=0)
    max_batch: int = Field(default=10_000, ge=1)
    max_in_flight: int = Field(default=64, ge=1)
    rate_per_minute: int = Field(default=0, ge=0)


class BaseParams(Section):
    """The sections of `params.yaml` that every role has."""

    split: Split = Split()
    cv: CrossValidation = CrossValidation()
    metric: str = "auto"
    ladder: Ladder = Ladder()
    review: Review = Review()
    serving: Serving = Serving()
    seed: int = Field(default=0, ge=0, lt=2**32)


class BaseEnvironment(BaseModel):
    """Secrets and addresses that every role reads; variables of other programs are ignored."""

    model_config = ConfigDict(extra="ignore")

    mlflow_tracking_uri: str | None = None
    # Several are separated by commas. Commas alone would be no key, and leave the service open.
    api_key: str | None = Field(default=None, repr=False, pattern=r"[^\s,]")
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1, le=64)
    root_path: str = Field(default="", pattern=r"^(/[^/?#\s]+)*$")
    forwarded_allow_ips: str = "127.0.0.1"
    otel_exporter_otlp_endpoint: str | None = None

    @property
    def api_keys(self) -> tuple[str, ...]:
        """The keys that callers of the service may send; without any, none is asked for."""
        return tuple(filter(None, map(str.strip, (self.api_key or "").split(","))))


P = TypeVar("P", bound=BaseParams)
E = TypeVar("E", bound=BaseEnvironment)


@dataclass(frozen=True)
class Project(Generic[P, E]):
    """What the toolkit is told about the project it works for.

    Attributes
    ----------
    slug, name, description : str
        The command's name, and the project's own words about itself.
    params_type, environment_type : type
        What `params.yaml` and the environment may hold.
    served : str
        The folder under `models/` that is served once it exists; `current` until then.
    root : Path
        The project's folder.
    """

    slug: str
    name: str
    description: str
    params_type: type[P]
    environment_type: type[E]
    served: str = "current"
    root: Path = Path()

    def params(self, overrides: Sequence[str] = ()) -> P:
        """Read and check `params.yaml`.

        Parameters
        ----------
        overrides : sequence of str
            `section.key=value` pairs; values are YAML, and a later pair wins.

        Raises
        ------
        UserError
            For a missing or unreadable file, an unknown key, a wrong type or value; the message
            names the key, the value and what would be right.
        """
        values = _read_yaml(self.root)
        for pair in overrides:
            _override(self.params_type, values, pair)
        return self.check(values)

    def check(self, values: dict[str, Any]) -> P:
        """Check what `params.yaml` holds, or would hold.

        Raises
        ------
        UserError
        """
        try:
            return self.params_type.model_validate(values)
        except ValidationError as error:
            raise UserError(_explain(self.params_type, error, PARAMS_FILE)) from error

    def environment(self) -> E:
        """Read the environment variables the project knows; `.env` fills in those that are unset.

        Raises
        ------
        UserError
            If one has a value that cannot be used.
        """
        kind = self.environment_type
        values = {**dotenv_values(self.root / ".env"), **os.environ}
        known = {
            name: values[name.upper()] for name in kind.model_fields if values.get(name.upper())
        }
        try:
            return kind.model_validate(known)
        except ValidationError as error:
            raise UserError(_explain(kind, error, "The environment")) from error


def _read_yaml(root: Path) -> dict[str, Any]:
    try:
        values = yaml_files.load((root / PARAMS_FILE).read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{PARAMS_FILE} is not in {root.resolve().name}/. Run the command in the project's "
            "folder, or restore the file with `git checkout params.yaml`."
        ) from error
    except ValueError as error:
        raise UserError(f"{PARAMS_FILE} is not valid YAML: {error}") from error
    if not isinstance(values, dict):
        raise UserError(f"{PARAMS_FILE} must hold sections such as `data:`; it holds {values!r}.")
    return values


def _override(model: type[BaseModel], values: dict[str, Any], pair: str) -> None:
    name, equals, text = pair.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {pair}: write it as section.key=value, such as data.limit=5000.")
    *sections, key = name.strip().split(".")
    try:
        # Text is taken as it is: columns and files may be called `yes` or `Cost: #1`.
        verbatim = _is_text(model, [*sections, key]) and text[:1] not in ("'", '"')
        value = text if verbatim and text not in NO_TEXT else yaml_files.load(text)
    except ValueError as error:
        raise UserError(f"--set {pair}: {text!r} is not a YAML value ({error}).") from error
    for section in sections:
        inner = values.setdefault(section, {})
        if not isinstance(inner, dict):
            raise UserError(f"--set {pair}: `{section}` is a value, not a section.")
        values = inner
    values[key] = value


def _is_text(model: type[BaseModel], location: list[str]) -> bool:
    """Whether the key at `location` holds text or nothing."""
    field = _fields_at(model, location[:-1]).get(location[-1])
    return field is not None and field.annotation in (str, str | None)


def _explain(model: type[BaseModel], error: ValidationError, source: str) -> str:
    lines: list[str] = []
    wrong: dict[str, str] = {}
    for problem in error.errors():
        location = [str(part) for part in problem["loc"]]
        if len(location) > 1 and KIND.fullmatch(location[-1]):
            location.pop()
        key = ".".join(location)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{source}: unknown key `{key}`.{_hint(model, location)}")
        elif problem["type"] == "missing":
            lines.append(f"{source}: `{key}` is missing.")
        elif key in wrong:
            wrong[key] += f"; or: {problem['msg'].removeprefix('Input should be ')}"
        else:
            wrong[key] = f"{source}: `{key}` is {problem['input']!r}. {problem['msg']}"
    return "\n".join([*lines, *(f"{line}." for line in wrong.values())])


def _hint(model: type[BaseModel], location: list[str]) -> str:
    known = list(_fields_at(model, location[:-1]))
    if not known:
        return ""
    near = difflib.get_close_matches(location[-1], known, n=1)
    return (f" Did you mean `{near[0]}`?" if near else "") + f" Known here: {', '.join(known)}."


def _fields_at(model: Any, sections: list[str]) -> dict[str, Any]:
    """The fields of a section; none if there is no such section."""
    for part in sections:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return getattr(model, "model_fields", {})
