"""Follow the model on disk: when another bundle lies there, its application takes over.

No restart and no dropped request: the new application is built in a thread beside the running one,
then one reference changes. Requests that have begun end where they began.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from ..project.settings import Project
from ..training.bundle import served
from .api import Api, Predictor
from .app import build_app, create_app
from .limits import Limits

logger = logging.getLogger(__name__)
_SECONDS = 1.0
_State = tuple[str, int, int, int] | None


class Following:
    """ASGI application that hands each request to the application of the newest usable bundle.

    Parameters
    ----------
    project : Project
        `bundle.served` says which of its bundles is meant.
    api : Api
        What it answers.
    limits : Limits
        Bounds and the API key.
    seconds : float
        How often the folder is looked at.
    """

    def __init__(
        self, project: Project, api: Api, limits: Limits, seconds: float = _SECONDS
    ) -> None:
        self._project = project
        self._api = api
        self._limits = limits
        self._seconds = seconds
        self._seen = state_of(served(project))
        self._app: FastAPI = create_app(project, api, served(project), limits)
        self._stopped = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the application that is current when the request begins."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        threading.Thread(target=self._watch, name="reload", daemon=True).start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._stopped.set()
        await send({"type": "lifespan.shutdown.complete"})

    def _watch(self) -> None:
        while not self._stopped.wait(self._seconds):
            self.look()

    def look(self) -> None:
        """Take up the bundle on disk if it is another one; keep the old one if it is damaged."""
        state = state_of(served(self._project))
        if state is None or state == self._seen:
            return
        try:
            folder = served(self._project)
            predictor = whole(folder, self._api.load)
            app = build_app(self._project, self._api, predictor, folder, self._limits)
        except Exception:
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


def state_of(folder: Path) -> _State:
    """What changes when another bundle is put at `folder`; None where there is none."""
    try:
        found = (folder / "metadata.json").stat()
    except OSError:
        return None
    return str(folder), found.st_ino, found.st_mtime_ns, found.st_size


def whole(folder: Path, load: Callable[[Path], Predictor], attempts: int = 5) -> Predictor:
    """Load a bundle whose files belong together, though it may be swapped meanwhile."""
    for attempt in range(attempts):
        before = state_of(folder)
        try:
            loaded = load(folder)
        except Exception:
            if state_of(folder) == before or attempt == attempts - 1:
                raise
            continue
        if state_of(folder) == before:
            return loaded
    raise OSError(f"The bundle changed {attempts} times while it was read.")
