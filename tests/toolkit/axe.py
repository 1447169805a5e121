"""What axe-core finds wrong with a page, on a desk and on a phone, by day and by night."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from toolkit.site.runtime import run

VERSION = "4.11.0"
KEPT = Path(__file__).parents[2] / ".cache" / f"axe-core-{VERSION}"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def source() -> str:
    """The script, fetched once; the test is skipped where npm is not."""
    if shutil.which("npm") is None:
        pytest.skip("no npm here")
    KEPT.mkdir(parents=True, exist_ok=True)
    script = KEPT / "node_modules" / "axe-core" / "axe.min.js"
    if not script.is_file():
        run("npm", "install", "--no-save", "--ignore-scripts", f"axe-core@{VERSION}", cwd=KEPT)
    return script.read_text("utf-8")


def violations(page: Any) -> list[str]:
    """Rule and element of each violation of what `page` shows now, and what is wider than it."""
    page.ask(source())
    found = []
    for width in (390, 1280):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        page.call("Emulation.setDeviceMetricsOverride", **size)
        for scheme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": scheme}]
            page.call("Emulation.setEmulatedMedia", features=features)
            options = json.dumps({"runOnly": {"type": "tag", "values": RULES}})
            page.ask(
                f"window.told = null; axe.run(document, {options}).then((all) => window.told = all)"
            )
            page.wait("!!window.told")
            nodes = "window.told.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html}`))"
            found += [f"{width} {scheme} {each}" for each in page.ask(nodes)]
        if page.ask("document.documentElement.scrollWidth") > width:
            found.append(f"{width}: the page is wider")
    return found
