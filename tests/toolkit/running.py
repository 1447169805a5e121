"""A service that is asked over a socket, on a free port of this machine."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from tabular.settings import PROJECT
from toolkit.serving import server


@contextlib.contextmanager
def running(app: ASGIApp, **settings: Any) -> Iterator[tuple[str, int]]:
    """Serve `app` in a thread, by the settings that `serve` has; yields its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        config = server._settings(lambda: app, PROJECT.environment(), workers=1)
        for name, value in settings.items():
            setattr(config, name, value)
        service = uvicorn.Server(config)
        thread = threading.Thread(target=service.run, args=([listener],), daemon=True)
        thread.start()
        while not service.started:
            time.sleep(0.005)
        yield listener.getsockname()
        service.should_exit = True
        thread.join(30)
        if log := getattr(getattr(app, "middleware_stack", None), "log", None):
            log.flush()  # a process would as it ends; a later test is not to read these lines
