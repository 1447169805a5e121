"""Markdown from Jinja templates that lie beside the code, with every value escaped."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from ..markdown.markdown import escape


def render(template: Path, **context: Any) -> str:
    """Write a template; a value stays text, whatever a column or a category is called."""
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=True,
        # Not as HTML, but as Markdown, which escapes HTML too.
        finalize=lambda value: Markup(escape(value)),  # noqa: S704
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["thousands"] = "{:,}".format
    environment.filters["short"] = lambda value: "" if value is None else f"{value:.4g}"
    text = environment.from_string(template.read_text("utf-8")).render(context)
    return re.sub(r"\n{3,}", "\n\n", text).strip()
