"""Compile each source of Jinja once a process, whoever asks: most of a render or a report is that."""

from typing import Any

import jinja2

_compile = jinja2.Environment.compile
_compiled: dict[tuple[Any, ...], Any] = {}


def _compile_once(environment: jinja2.Environment, source: str, *place: Any) -> Any:
    """Compile as `Environment.compile` does; environments that would make other code are told apart."""
    settings = environment.autoescape, environment.trim_blocks, environment.lstrip_blocks
    key = (type(environment), *settings, environment.finalize, source, *place)
    if key not in _compiled:
        _compiled[key] = _compile(environment, source, *place)
    return _compiled[key]


def install() -> None:
    """Let all environments of this process compile so."""
    jinja2.Environment.compile = _compile_once  # type: ignore[method-assign, assignment]
