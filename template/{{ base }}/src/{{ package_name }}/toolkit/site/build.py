"""`site`: the reports as linked pages and the model in the page, in one folder that needs no server.

The folder mirrors the repository (`docs/decisions/0001-metric.md` becomes `.html` in its place), so that
relative links between documents hold. Nothing in it comes from another host.
"""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from ..project.errors import UserError
from ..project.files import read_json, replace_folder, write_json
from ..project.settings import Project
from ..serving.api import Api

SITE, RESULT = Path("site"), Path("reports", "site.json")
HERE = Path(__file__).parent
REPORT = "reports/report.html"
NAMES = {"MODEL_CARD.md": "Model card", "DATA.md": "Data sheet"}
FIRST_VIEW = 200_000  # bytes of index.html and what it shows

Files = dict[str, tuple[bytes, str]]


def build(project: Project, api: Api, show: Callable[[str], None]) -> dict[str, Any]:
    """Write `site/` after listing what goes into it; the earlier one stays if anything is wrong.

    Parameters
    ----------
    project : Project
        After a run.
    api : Api
        Its `in_browser`, if it has one, gives the try-it page.
    show : callable
        Takes each line of the list.

    Returns
    -------
    dict
        The content of `reports/site.json`: the files with their bytes, and how the page compares with
        the offline answers.

    Raises
    ------
    UserError
        If there was no run, or the page does not answer as the service does.
    """
    root, page = project.root, api.in_browser and api.in_browser()
    metadata = read_json(root / "models" / "current" / "metadata.json", "train")
    model: Files | str = (
        page.try_it(project, api) if page else "this role's model needs the service"
    )
    if isinstance(model, str):
        show(f"There is no try-it page: {model}.")
    files = documents(project, isinstance(model, dict))
    if isinstance(model, dict):
        files |= {f"try/{name}": content for name, content in model.items()}
    sizes = {name: len(content) for name, (content, _) in sorted(files.items())}
    for name, size in sizes.items():
        show(f"{size:>12,}  {name}: {files[name][1]}")
    result: dict[str, Any] = {"model_version": metadata["model_version"], "files": sizes}
    work = Path(tempfile.mkdtemp(dir=root, prefix=".new-"))
    try:
        for name, (content, _) in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_bytes(content)
        if page and isinstance(model, dict):
            result |= page.compare(project, api, work / "try")
        work.chmod(0o755)
        replace_folder(work, root / SITE)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    write_json(root / RESULT, result)
    return result


def documents(project: Project, has_model: bool) -> Files:
    """The pages without the model, by name, each with what it holds."""
    root = project.root
    sources = [name for name in NAMES if (root / name).is_file()]
    sources += sorted(
        path.relative_to(root).as_posix() for path in (root / "docs" / "decisions").glob("*.md")
    )
    try:
        report = (root / REPORT).read_text("utf-8")
    except FileNotFoundError:
        raise UserError(f"{REPORT} is not there yet. Run `run` first.") from None
    decisions = "docs/decisions/README.html"
    links = [("Overview", "index.html"), ("Try it", "try/index.html"), ("Report", REPORT)]
    links += [(NAMES[name], html_name(name)) for name in sources if name in NAMES]
    links += [("Decisions", decisions)] if "docs/decisions/README.md" in sources else []
    links = [link for link in links if has_model or link[0] != "Try it"]
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, trim_blocks=True)
    frame = environment.get_template("frame.html.j2")

    def page(place: str, title: str, content: str) -> bytes:
        told = {
            "title": title, "description": project.description, "links": links, "here": place,
            "top": "../" * place.count("/"), "content": Markup(content),  # noqa: S704
        }  # fmt: skip
        return frame.render(told).encode()

    back = '<body>\n<nav aria-label="Site"><a href="../index.html">Overview</a></nav>'
    shown_report = report.replace("<body>", back, 1)
    style = (HERE.parent / "reporting" / "page.css").read_bytes() + (HERE / "site.css").read_bytes()
    files: Files = {"style.css": (style, "style"), REPORT: (shown_report.encode(), "the report")}
    year, shown = year_of(root), set[str]()
    for name in sources:
        text = (root / name).read_text("utf-8")
        if name == "docs/decisions/README.md":
            text += "".join(
                f"\n- [{_title(root / each)}]({PurePosixPath(each).name})"
                for each in sources
                if each.startswith("docs/") and each != name
            )
        html, images = to_html(text, name, set(sources))
        shown |= images
        files[html_name(name)] = (
            page(html_name(name), f"{project.name}: {_title(root / name)}", html),
            name,
        )
    html, images = to_html(year, "README.md", set(sources)) if year else ("", set())
    shown |= images
    header = re.search(r"<header>.*?</header>", report, re.DOTALL)
    first = header.group() if header else f"<h1>{escape(project.name)}</h1>"
    calls = "".join(
        f'<a class="call{" main" * (place == links[1][1])}" href="{place}">{name}</a>'
        for name, place in links[1:3]
    )
    about = re.compile(r'(<p class="about">.*?</p>)', re.DOTALL)
    first = about.sub(lambda found: f"{found.group()}\n<p>{calls}</p>", first) + html
    files["index.html"] = (page("index.html", project.name, first), "the overview")
    for name in sorted(shown):
        files[name] = ((root / name).read_bytes(), "a figure")
    return files


def html_name(name: str) -> str:
    """Where a document lies in the site."""
    return name.removesuffix(".md") + ".html"


def year_of(root: Path) -> str:
    """What the README says of the replayed operation, if there is a replay."""
    if not (root / "reports" / "replay.json").is_file():
        return ""
    text = (root / "README.md").read_text("utf-8")
    found = re.search(r"<!-- replay:start -->(.*?)<!-- replay:end -->", text, re.DOTALL)
    return f"## The year in operation\n{found.group(1)}" if found else ""


def to_html(text: str, name: str, sources: set[str]) -> tuple[str, set[str]]:
    """A document as HTML, and the images it shows; links lead to pages of the site or nowhere."""
    folder, images = PurePosixPath(name).parent, set[str]()
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    # Without the sections that nobody has filled in yet.
    text = re.sub(r"^## .*\s+(?=^## |\Z)", "", text, flags=re.MULTILINE)
    html = str(parser.render(text)).replace(' style="text-align:right"', ' class="right"')
    html = html.replace("<table>", '<div class="scroll" tabindex="0"><table>')
    html = html.replace("</table>", "</table></div>")

    def linked(found: "re.Match[str]") -> str:
        target, content = found.groups()
        if re.match(r"[a-z]+:|#", target):
            return found.group()
        place, _, anchor = target.partition("#")
        inside = _normal(folder / place)
        if inside in sources:
            return f'<a href="{html_name(place)}{f"#{anchor}" if anchor else ""}">{content}</a>'
        return found.group() if inside == REPORT else content

    for source in re.findall(r'<img src="([^":]+)"', html):
        images.add(_normal(folder / source))
    return re.sub(r'<a href="([^"]+)">(.*?)</a>', linked, html, flags=re.DOTALL), images


def _normal(path: PurePosixPath) -> str:
    parts: list[str] = []
    for part in path.parts:
        parts = parts[:-1] if part == ".." else [*parts, part]
    return "/".join(parts)


def _title(path: Path) -> str:
    first = path.read_text("utf-8").lstrip().splitlines()[:1]
    return first[0].lstrip("# ") if first else path.stem
