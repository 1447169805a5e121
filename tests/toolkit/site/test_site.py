"""The site: listed before it is written, equal to the offline answers in node and in a browser."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from axe import violations
from chromium import browser
from fastapi.testclient import TestClient
from small_model import FLIGHT, KINDS, save_bundle
from static import finish, served
from tabular.api import API
from tabular.settings import PROJECT
from toolkit.profiling.schema import columns_from_records
from toolkit.project.errors import UserError
from toolkit.project.files import read_json, write_json, write_text
from toolkit.serving.app import create_app
from toolkit.serving.limits import Limits
from toolkit.site import build, preview, tables
from toolkit.tables.explanation import made_up, references_of

DECISIONS = "# Decisions\n\n<!-- owner: argue. -->\nWhat was decided, see [data](../../DATA.md).\n"
TEST_ROWS = 300


def finished(root: Path, regression: bool = False) -> Any:
    """A project after its run."""
    folder = save_bundle(root / "models" / "current", regression)
    schema = API.load(folder).schema
    generator = np.random.default_rng(0)
    rows = [
        {
            **FLIGHT,
            "distance": int(generator.integers(0, 2500)),
            "carrier": ["AA", "UA", "XX"][i % 3],
            "at": f"2013-0{1 + i % 9}-11T{i % 24:02}:07:31.{i:06}",
            "night flight?": [True, False, None][i % 3],
            "late_rate": [None, 0.25, 0.1, None][i % 4],
            "seats": [None, 90.5][i % 2],
        }
        for i in range(TEST_ROWS)
    ]
    columns = columns_from_records(schema, rows)
    write_json(folder / "references.json", references_of(columns, KINDS))
    metadata = read_json(folder / "metadata.json", "train")
    metadata["examples"] = made_up(API.load(folder))
    write_json(folder / "metadata.json", metadata)
    (root / "data").mkdir()
    pd.DataFrame(rows).to_parquet(root / "data" / "test.parquet")
    finish(root)
    write_text(
        root / "DATA.md",
        "# Data\n\n## Empty\n\n<!-- owner: x -->\n\n## Full\n\nSee [why](docs/decisions/README.md), [code](src/a.py).\n",
    )
    write_text(root / "docs" / "decisions" / "README.md", DECISIONS)
    return replace(PROJECT, root=root)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return finished(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def listed(project: Any) -> list[str]:
    """What `site` says before it writes; it has been written then."""
    lines: list[str] = []

    def show(line: str) -> None:
        assert not (project.root / "site").exists()
        lines.append(line)

    build.build(project, API, show)
    return lines


def test_the_site_is_what_was_listed_and_answers_alike(project: Any, listed: list[str]) -> None:
    site = project.root / "site"
    there = {
        p.relative_to(site).as_posix(): p.stat().st_size for p in site.rglob("*") if p.is_file()
    }
    said = [re.fullmatch(r" *([\d,]+)  (\S+): .+", line) for line in listed]
    assert {m[2]: int(m[1].replace(",", "")) for m in said if m} == there
    result = read_json(project.root / "reports" / "site.json", "site")
    assert result["files"] == there
    assert result["rows"] == TEST_ROWS
    assert result["explained"] == 3
    assert result["largest_difference"] <= result["bound"] == 1e-6
    first = [site / name for name in ("index.html", "style.css")]
    assert sum(path.stat().st_size for path in first) < build.FIRST_VIEW


def test_nothing_comes_from_elsewhere_and_links_lead_somewhere(project: Any, listed: Any) -> None:
    site = project.root / "site"
    for path in [*site.rglob("*.html"), *site.rglob("*.css"), site / "try" / "page.js"]:
        text = path.read_text("utf-8")
        assert not re.search(r"""(?:src|href|url|import|fetch)[=("' ]+(?:https?:)?//""", text), path
        for link in re.findall(r'(?:href|src)="([^"#:]+)["#]', text):
            assert (path.parent / link).is_file(), (path, link)
    data = (site / "DATA.html").read_text("utf-8")
    assert '<a href="docs/decisions/README.html">why</a>, code.' in data
    assert 'href="../index.html"' in (site / "reports" / "report.html").read_text("utf-8")
    assert "Empty" not in data
    assert "owner:" not in (site / "docs" / "decisions" / "README.html").read_text("utf-8")


def test_no_row_is_in_it(project: Any, listed: Any) -> None:
    """Quantiles are sorted by column, and no example is a row."""
    page = project.root / "site" / "try"
    references = read_json(page / "steps.json", "site")["references"]
    for values in references.values():
        present = [value for value in values if value is not None]
        assert present == sorted(present)
        assert values[len(present) :] == [None] * (len(values) - len(present))
    rows = pd.read_parquet(project.root / "data" / "test.parquet")
    seen = set(zip(rows["distance"], rows["carrier"], rows["at"], strict=True))
    for made in read_json(page / "form.json", "site")["model"]["examples"].values():
        assert (made["distance"], made["carrier"], made["at"]) not in seen


def test_a_page_that_answers_otherwise_does_not_ship(
    project: Any, listed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (project.root / "site" / "try" / "steps.json").read_bytes()
    good = tables.try_it

    def bent(*given: Any) -> Any:
        files = good(*given)
        content = json.loads(files["steps.json"][0])
        content["lookups"]["tables"][0]["rows"][0][1][0] += 1e-4
        return {**files, "steps.json": (json.dumps(content).encode(), "")}

    monkeypatch.setattr(tables, "try_it", bent)
    with pytest.raises(UserError, match="does not answer as the service does"):
        build.build(project, API, lambda line: None)
    assert (project.root / "site" / "try" / "steps.json").read_bytes() == before
    assert not list(project.root.glob(".new-*"))


def test_values_answer_alike_too(tmp_path: Path) -> None:
    project = finished(tmp_path, regression=True)
    result = build.build(project, API, lambda line: None)
    assert result["largest_difference"] <= 1e-6
    assert result["explanation_difference"] <= 1e-6


def test_without_a_model_for_the_page_the_documents_are_the_site(tmp_path: Path) -> None:
    project, lines = finished(tmp_path), list[str]()
    result = build.build(project, replace(API, in_browser=None), lines.append)
    assert lines[0] == "There is no try-it page: this role's model needs the service."
    assert {"index.html", "DATA.html", "reports/report.html"} < set(result["files"])
    assert not [name for name in result["files"] if name.startswith("try/")]
    assert "Try it" not in (tmp_path / "site" / "index.html").read_text("utf-8")


def test_the_picture_needs_a_browser_and_says_so(
    project: Any, listed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UserError, match="No browser is on PATH"):
        preview.take(project.root, build.SITE)


def test_the_service_explains_what_the_page_explains(project: Any, listed: Any) -> None:
    client = TestClient(create_app(project, API, project.root / "models" / "current", Limits()))
    assert client.get("/model").json()["examples"].keys() == {"likely", "unlikely", "uncertain"}
    for record in client.get("/model").json()["examples"].values():
        answer, told = client.post("/predict", json=record), client.post("/explain", json=record)
        assert (answer.status_code, told.status_code) == (200, 200)
        added = told.json()
        assert added["value"] == pytest.approx(answer.json()["probabilities"]["true"], abs=1e-6)
        total = added["base"] + sum(added["contributions"].values())
        assert total == pytest.approx(added["value"], abs=1e-9)
    assert client.post("/explain", json={"distance": "far"}).status_code == 422


def test_in_a_browser_the_answer_is_the_offline_one(
    project: Any, listed: Any, tmp_path: Path
) -> None:
    page_of = browser().Page
    with (
        served(project.root / "site") as address,
        page_of(tmp_path, f"{address}/try/index.html?predict") as page,
    ):
        page.wait("!!document.querySelector('.bars')")
        told = page.ask("[...document.querySelectorAll('#shown pre')].map((e) => e.textContent)")
        sent, answer = map(json.loads, told)
        predictor: Any = API.load(project.root / "models" / "current")
        columns = columns_from_records(predictor.schema, [sent])
        (expected,) = predictor.predict_columns(columns)
        assert {name: answer[name] for name in expected} == {
            **expected,
            "probabilities": pytest.approx(expected["probabilities"], abs=1e-6),
        }
        page.ask("document.querySelector('#why').click()")
        page.wait("!!document.querySelector('.why li')")
        shown = page.ask("state.explanation")
        told = predictor.explain(columns)["contributions"]
        assert shown["contributions"] == pytest.approx(told, abs=1e-6)
        page.ask("document.querySelector('#examples button').click()")
        page.wait("!document.querySelector('.why')")
        assert page.ask("document.querySelector('#field-1').tagName") == "SELECT"
        page.wait("!!document.querySelector('.bars')")
        assert violations(page) == []
        for name in ("index.html", "reports/report.html"):
            page.call("Page.navigate", url=f"{address}/{name}")
            page.wait("document.readyState === 'complete' && !!document.querySelector('nav')")
            assert violations(page) == []
