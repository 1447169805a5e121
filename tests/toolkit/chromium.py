"""The browser, for the tests that look at a page."""

from types import ModuleType

import pytest
from borrowed import borrowed


def browser() -> ModuleType:
    """The module with `Page`; the test is skipped where there is no Chromium."""
    module = borrowed("browser")
    if module.chromium() is None:
        pytest.skip("no Chromium here")
    return module
