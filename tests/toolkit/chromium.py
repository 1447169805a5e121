"""The browser of `tests/support`, whose other modules are named as packages are that these tests import."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

BROWSER = Path(__file__).parents[1] / "support" / "browser.py"


def browser() -> ModuleType:
    """The module with `Page`; the test is skipped where there is no Chromium."""
    spec = importlib.util.spec_from_file_location("browser", BROWSER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if module.chromium() is None:
        pytest.skip("no Chromium here")
    return module
