"""The try-it page, whatever the model takes: its files, and whether it answers as offline."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..project.errors import UserError
from ..project.files import write_json
from ..project.settings import Project
from ..serving.api import Api
from ..serving.app import build_app
from ..serving.limits import Limits
from ..serving.pages import try_it_page
from ..training.bundle import served
from .runtime import HERE, ONNX, run, runtime

Files = dict[str, tuple[bytes, str]]
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src data: blob:; "
    "connect-src 'self' data:"
)
TOLD = ("model_version", "classes", "threshold", "interval", "review")
SHOWN = ("project", "examples", "usual", "schema")


def page_files(
    project: Project,
    api: Api,
    predictor: Any,
    kind: str,
    model: Mapping[str, str],
    told: Mapping[str, Any],
    shown: Mapping[str, Any],
    needed: Sequence[str] = ONNX,
) -> Files:
    """The page's files by name, each with what it holds.

    Parameters
    ----------
    project : Project
    api : Api
    predictor : Predictor
    kind : str
        What the model takes: `kind.js` has the model, `page_kind.js` what the form reads.
    model : mapping of str to str
        Files of the bundle that the page loads, with what each holds.
    told : mapping
        What answers need besides `TOLD`.
    shown : mapping
        What the form needs besides `SHOWN`.
    needed : sequence of str
        Files of other projects that the page loads.

    Raises
    ------
    UserError
        If there is no runtime.
    """
    folder, metadata = served(project), predictor.metadata
    script = "".join((HERE / f"page_{name}.js").read_text("utf-8") for name in (kind, "site"))
    page, style, script = page_parts(try_it_page(script))
    found: Files = {name: ((folder / name).read_bytes(), what) for name, what in model.items()}
    for name, (content, what) in runtime(project.root, needed).items():
        found[f"runtime/{name}"] = (content, what)
    described = {
        "api": build_app(project, api, predictor, folder, Limits()).openapi(),
        "bytes": sum(len(content) for content, _ in found.values()),
        "model": {**{name: metadata.get(name) for name in SHOWN}, **shown},
    }
    answers = {**{name: metadata.get(name) for name in TOLD}, **told}
    found |= {
        "index.html": (page.encode(), "the form"),
        "page.css": (style.encode(), "its style"),
        "page.js": (script.encode(), "its script"),
        "form.json": (as_json(described), "what the form asks"),
        "answers.json": (as_json(answers), "classes, threshold and review"),
    }
    model_js = (HERE / f"{kind}.js").read_text("utf-8")
    found["model.js"] = (model_js.encode(), "works the model off")
    for name in re.findall(r'from "\./(\w+\.js)"', model_js):
        found[name] = ((HERE / name).read_bytes(), "a part of it")
    return found


def page_parts(page: str) -> tuple[str, str, str]:
    """The service's page as three files of a site: HTML, style and script."""
    style, script = (
        re.search(rf"<{tag}>\n(.*?)</{tag}>", page, re.DOTALL) for tag in ("style", "script")
    )
    if style is None or script is None:
        raise AssertionError("page.html has one style and one script")
    policy = f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    html = page.replace(style.group(), f'{policy}\n<link rel="stylesheet" href="page.css">')
    html = html.replace(script.group(), '<script src="page.js"></script>')
    nav = '<a href="../index.html">Overview</a> <a href="../reports/report.html">Report</a>'
    html = re.sub(r"(<nav[^>]*>).*?(</nav>)", rf"\1{nav}\2", html, flags=re.DOTALL)
    html = re.sub(
        r"<noscript>.*?</noscript>", "<noscript>This page needs JavaScript.</noscript>", html
    )
    return html, style.group(1), script.group(1)


def ask_in_node(page: Path, records: Sequence[Any], explained: int, content: bytes = b"") -> Any:
    """What the page's own files answer to `records`, and explain of the first of them.

    `content` is what records refer to by `start` and `end`, and get as `data`.
    """
    with tempfile.TemporaryDirectory() as name:
        source, data = Path(name) / "records.json", Path(name) / "data"
        data.write_bytes(content)
        write_json(source, {"records": records, "explained": explained, "data": str(data)})
        return json.loads(run("node", str(HERE / "compare.mjs"), str(page.resolve()), str(source)))


def hold(
    told: Mapping[str, Any],
    expected: Sequence[Mapping[str, Any]],
    explained: Sequence[Mapping[str, Any]],
    bound: float,
    scale: float = 1.0,
) -> dict[str, Any]:
    """How the page's answers compare with the offline ones.

    Parameters
    ----------
    told : mapping
        From `ask_in_node`.
    expected, explained : sequence of mapping
        The offline answers and explanations.
    bound : float
        On the difference of probabilities, or of values as a share of `scale`.
    scale : float

    Returns
    -------
    dict
        `rows`, `largest_difference`, `explained`, `explanation_difference` and `bound`.

    Raises
    ------
    UserError
        If a number differs by more, or a decision does.
    """
    key = "value" if "value" in expected[0] else "probabilities"
    pairs = list(zip(expected, told["answers"], strict=True))
    differences = [_apart(one[key], other[key]) / scale for one, other in pairs]
    explanations = [
        _apart(one, other) / scale
        for one, other in zip(explained, told["explanations"], strict=True)
    ]
    decided = [
        key == "value"  # which the difference has compared
        or (one["prediction"], one["needs_review"]) == (other["prediction"], other["needs_review"])
        for one, other in pairs
    ]
    result = {
        "rows": len(pairs),
        "largest_difference": max(differences),
        "explained": len(explanations),
        "explanation_difference": max(explanations, default=0.0),
        "bound": bound,
    }
    if not max(differences + explanations) <= bound or not all(decided):
        raise UserError(
            f"The page does not answer as the service does: of {len(pairs):,} test rows the largest "
            f"difference is {max(differences):.1e}, of explanations {result['explanation_difference']:.1e} (bound "
            f"{bound:.0e}), and {decided.count(False)} decisions differ. The site was not written. If "
            "`respond` in api.py is yours, say the same in toolkit/site/respond.js; else report a bug."
        )
    return result


def _apart(one: Any, other: Any) -> float:
    """The largest difference between numbers of the same names and places."""
    if isinstance(one, dict):
        return max((_apart(each, other[name]) for name, each in one.items()), default=0.0)
    if isinstance(one, list):
        return max(map(_apart, one, other), default=0.0)
    return abs(one - other) if isinstance(one, float) else float(one != other)


def as_json(value: Any) -> bytes:
    """Compact, and without what JSON has not."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=str).encode()
