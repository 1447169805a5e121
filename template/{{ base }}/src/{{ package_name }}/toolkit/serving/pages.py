"""What a browser may do with an answer; and the two pages, which run their own scripts and no others."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

_PAGE, _DOCS = (Path(__file__).with_name(name) for name in ("page.html", "docs.html"))
_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)
# Images and the camera are shown from memory, and an example is fetched from its data URL.
_POLICY = (
    "default-src 'none'; script-src 'self'{script}; style-src 'self'{style}; img-src 'self' data: blob:; "
    "media-src blob:; connect-src 'self' data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def add_pages(app: FastAPI) -> None:
    """Add `/`, which tries the model, and `/docs`, which shows the OpenAPI schema and sends requests."""
    for path, page in (("/", try_it_page()), ("/docs", _DOCS.read_text("utf-8"))):
        app.get(path, include_in_schema=False)(_shows(page))


def _shows(page: str) -> Callable[[], Awaitable[HTMLResponse]]:
    policy = policy_for(page)

    async def show() -> HTMLResponse:
        return HTMLResponse(page, headers=policy)

    return show


def policy_for(page: str) -> dict[str, str]:
    """The header `Content-Security-Policy` under which the inline parts of `page` run, and no others.

    They are named by their SHA-256 (https://www.w3.org/TR/CSP3/#external-hash), so that a page may be
    edited freely; a `style` or `onclick` attribute in HTML does not work.
    """
    hashes = {"script": "", "style": ""}
    for tag, content in _INLINE.findall(page):
        digest = hashlib.sha256(content.encode()).digest()
        hashes[tag] += f" 'sha256-{base64.b64encode(digest).decode()}'"
    return {"Content-Security-Policy": _POLICY.format(**hashes)}


def try_it_page(script: str = "") -> str:
    """The page that tries the model, with what the role, and `script`, add to it."""
    text = _PAGE.read_text("utf-8")
    for ending, more in (("css", ""), ("js", script)):
        added = sorted(_PAGE.parent.glob(f"page_*.{ending}"))
        own = "".join(path.read_text("utf-8") for path in added) + more
        text = text.replace(f"/* page_*.{ending} */", own)
    return text
