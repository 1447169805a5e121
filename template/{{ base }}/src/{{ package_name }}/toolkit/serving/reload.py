"""Follow the model on disk: when another bundle lies there, its application takes over.

No restart and no dropped request: the new application is built in a thread beside the running one,
then one reference changes. Requests that have begun end where they began.
"""

import logging
import threading
import time
from pathlib import Path

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from ..project.settings import Project
from ..training.bundle import served
from .api import Answer, Api
from .app import build_app, create_app
from .limits import Limits

logger = logging.getLogger(__name__)
SECONDS_BETWEEN_LOOKS = 1.0


class Following:
    """ASGI application that hands each request to the application of the newest usable bundle.

    A thread that ends with the process looks for another one.

    Parameters
    ----------
    project : Project
        `bundle.served` says which of its bundles is meant.
    api : Api
        What it answers.
    limits : Limits
        Bounds and the API keys.
    """

    def __init__(self, project: Project, api: Api, limits: Limits) -> None:
        self._project = project
        self._api = api
        self._limits = limits
        self._seen = _state(served(project))
        self._app: FastAPI = create_app(project, api, served(project), limits)
        threading.Thread(target=self._watch, name="reload", daemon=True).start()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the application that is current when the request begins."""
        # The layer in front itself: FastAPI's own `__call__` costs 7 microseconds of a request.
        await self._app.middleware_stack(scope, receive, send)  # type: ignore[misc]

    def direct(self, scope: Scope, content: bytes) -> Answer | None:
        """Answer in one call if the current application does; see `Front.direct`."""
        return self._app.direct(scope, content)  # type: ignore[attr-defined]

    def _watch(self) -> None:
        while True:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            self.look()

    def look(self) -> None:
        """Take up the bundle on disk if it is another one; keep the old one if it is damaged."""
        folder = served(self._project)
        state = _state(folder)
        if state is None or state == self._seen:
            return
        try:
            predictor = self._api.load(folder)
            if _state(folder) != state:
                return  # What was read may be files of two bundles: the next look takes the newer.
            app = build_app(self._project, self._api, predictor, folder, self._limits)
        except Exception:
            if _state(folder) != state:
                return
            logger.exception("the new model cannot be used, the earlier one goes on answering")
            self._app.state.problem = (
                "A newer model could not be loaded; the earlier one goes on answering. The log "
                "says why."
            )
        else:
            logger.info("serving model %s", predictor.version)
            old, self._app = self._app, app
            old.state.metrics.retire()
        self._seen = state


def _state(folder: Path) -> tuple[str, int, int, int] | None:
    """What changes when another bundle is put at `folder`; None where there is none."""
    try:
        found = (folder / "metadata.json").stat()
    except OSError:
        return None
    return str(folder), found.st_ino, found.st_mtime_ns, found.st_size
