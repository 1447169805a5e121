"""YAML 1.2 by one library, the one DVC reads `params.yaml` with: `no` and `on` are texts in it."""

import io
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError


def load(text: str, comments: bool = False) -> Any:
    """Read a document into plain values, or into values that keep its comments and layout.

    Raises
    ------
    ValueError
        If the text is not YAML.
    """
    try:
        return _yaml(comments).load(text)
    except YAMLError as error:
        raise ValueError(str(error)) from error


def dump(value: Any, comments: bool = False) -> str:
    """Write plain values, or those that `load` gave with their comments."""
    buffer = io.StringIO()
    _yaml(comments).dump(value, buffer)
    return buffer.getvalue()


def _yaml(comments: bool) -> YAML:
    # In pure Python, so that an optional parser in C makes no difference.
    yaml = YAML() if comments else YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.width = 4096
    yaml.preserve_quotes = True
    if comments:  # write `null` where nothing is set, not an empty place
        yaml.representer.add_representer(
            type(None),
            lambda representer, _: representer.represent_scalar("tag:yaml.org,2002:null", "null"),
        )
    return yaml
