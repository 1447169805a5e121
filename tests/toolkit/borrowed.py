"""Modules of `tests/support`, others of which are named as packages are that these tests import."""

import importlib.util
from pathlib import Path
from types import ModuleType

SUPPORT = Path(__file__).parents[1] / "support"


def borrowed(name: str) -> ModuleType:
    """One of its modules, by name."""
    spec = importlib.util.spec_from_file_location(name, SUPPORT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
