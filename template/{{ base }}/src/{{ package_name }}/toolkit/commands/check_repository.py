"""Items of `check` on the repository, and on what others see of it."""

import re
import tomllib
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from ..evaluation import display
from ..project import yaml_files
from ..project.errors import UserError
from . import own_words, release, template_update
from .look import Judge, Look, Unseen, need

COMMITTED = ("reports", "README.md", "MODEL_CARD.md", "dvc.lock")
LOCAL = re.compile(r"localhost|127\.|0\.0\.0\.0|10\.|192\.168\.|::1|[^.]+$")
LINK, SOURCE = (
    re.compile(r"https?://[^\s)\]>\"'`]+"),
    re.compile(r"https?://(github\.com|img\.shields\.io)/"),
)


def history(at: Look) -> str:
    """The work can be followed."""
    begin = "git init && git add . && git commit -m Begin"
    need(at.git("rev-parse", "HEAD"), "A reviewer reads the history: commit as you work.", begin)
    paths = (f"src/{at.project.slug.replace('-', '_')}/*.py", "params.yaml", "sql")
    count = len((at.git("log", "--format=%h", "--", *paths) or "").split())
    need(
        count > 1,
        "No commit changes code or settings after they were begun: commit in small steps.",
    )
    return f"{count} commits to code and settings"


def lock(at: Look) -> str:
    """Anyone gets the versions that were tested."""
    locked: set[str] = set()
    with suppress(tomllib.TOMLDecodeError):
        packages = tomllib.loads(at.text("uv.lock")).get("package") or []
        locked = {_plain(each["name"]) for each in packages}
    needed = [re.split(r"[^\w.-]", each)[0] for each in at.pyproject.get("dependencies", [])]
    missing = [name for name in needed if _plain(name) not in locked]
    need(
        locked and not missing,
        f"uv.lock does not have {', '.join(missing) or 'any package'}.",
        "uv lock",
    )
    need(at.git("ls-tree", "HEAD", "uv.lock"), "uv.lock is not committed.")
    return f"{len(locked)} packages"


def results_committed(at: Look) -> str:
    """The results are in git as they are here, where a reviewer sees them."""
    left = [name for name in COMMITTED if not at.git("ls-tree", "HEAD", name)]
    left += [line[3:] for line in (at.git("status", "--porcelain", *COMMITTED) or "").splitlines()]
    need(not left, f"{display.listing(sorted(set(left)))} not committed as they are here.")
    return "as they are here"


def remote(at: Look) -> str:
    """What is committed can be opened by anyone."""
    address = at.git("config", "remote.origin.url") or ""
    need(address, "Create the repository on GitHub, and push to it.")
    page = _public(address)
    need(not _is_local(page), f"No reviewer reaches {address}. Push to a public host.", "git remote set-url origin …")  # fmt: skip
    if at.offline:
        raise Unseen("--offline")
    heads = at.git("-c", "credential.helper=", "ls-remote", page)
    if heads is None and not at.online:
        raise Unseen(f"{page} does not answer")
    need(heads is not None, f"{page} is not there, or not public.", "git push -u origin HEAD")
    pushed = (at.git("rev-parse", "HEAD") or "?") in (heads or "")
    need(pushed, f"What is committed here is not on {page} yet.", "git push")
    return page


def automated(at: Look) -> str:
    """A machine runs the tests at each push, and they pass."""
    files = sorted((at.root / ".github/workflows").glob("*.y*ml"))
    name = next((path.name for path in files if _runs_tests(path)), "")
    need(name, "No workflow in .github/workflows/ runs pytest at a push.")
    page = _public(at.git("config", "remote.origin.url") or "")
    if "github.com" not in page:
        raise Unseen(f"{name} runs the tests; whether they pass, only its host knows")
    _, badge = at.fetch(f"{page.removesuffix('.git')}/actions/workflows/{name}/badge.svg")
    said = f"{name} does not pass on {page}."
    need("passing" in badge, said, "gh run view --log-failed")
    return f"{name} passes"


def reachable(at: Look) -> str:
    """The model can be asked without installing anything."""
    text = own_words.visible(at.text("README.md")).partition("\n## ")[0]
    links = [link for link in LINK.findall(text) if not SOURCE.match(link)]
    need(
        links,
        "No link at the top of README.md leads to the model. `site` makes a page for GitHub Pages; or "
        "link a service of your own under the title.",
    )
    said = []
    for link in links:
        status, page = (0, "") if _is_local(link) else at.fetch(link)
        if status == 200 and (at.project.name in page or at.project.slug in page):
            return link
        problem = "does not name this project" if status == 200 else f"answers {status or 'nobody'}"
        said.append(f"{link} {problem}")
    need(not said, f"{'; '.join(said)}. Switch Pages on, or mend the link.", "git push")
    return ""


def as_released(at: Look) -> str:
    """The toolkit is as the template's release wrote it."""
    known, changed = release.release(at.root) or "unknown", release.changed()
    if not changed:
        return f"release {known}"
    return Judge(
        f"toolkit files that differ from release {known} of the template: {', '.join(changed)}. That is "
        "fine where you meant it; `copier update` merges them"
    )


def workflows(at: Look) -> str:
    """What a release of the template changed in the workflows has been applied."""
    held = (at.root / template_update.HELD_BACK).is_file()
    need(not held, "A release changes workflows, which the weekly pull request may not write.")
    return ""


def _public(address: str) -> str:
    """A remote as anybody reads it, without a key: `git@host:me/x.git` is `https://host/me/x.git`."""
    return re.sub(r"^(?:ssh://)?\w+@([\w.-]+)[:/](?=\D)", r"https://\1/", address)


def _is_local(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme not in ("http", "https") or bool(LOCAL.match(parts.hostname or "x"))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _runs_tests(path: Path) -> bool:
    """Whether a workflow runs pytest at a push, and minds what it says."""
    with suppress(UserError, KeyError, AttributeError, TypeError):
        content = yaml_files.load(path.read_text("utf-8", errors="replace"))
        parts = [part for job in content["jobs"].values() for part in (job, *job.get("steps", []))]
        minded = [str(part.get("run", "")) for part in parts if not part.get("continue-on-error")]
        asked = any(re.search(r"\bpytest\b(?!.*\|\|)", command) for command in minded)
        return (
            asked and "push" in content["on"] and all(part.get("if") is not False for part in parts)
        )
    return False
