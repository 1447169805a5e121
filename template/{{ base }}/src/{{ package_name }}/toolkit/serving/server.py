"""Run the service: one process or several on one address, stopped gracefully."""

import ipaddress
import logging.config
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
from starlette.types import ASGIApp
from uvicorn.supervisors import Multiprocess

from ..project.errors import UserError
from ..project.settings import Project
from .limits import Limits
from .log import log_config

if TYPE_CHECKING:
    from .api import Api

Around: TypeAlias = Callable[[ASGIApp, Project, Any], ASGIApp]

SECONDS_TO_FINISH = 20
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def run(
    project: Project,
    api: Callable[[], "Api"],
    overrides: tuple[str, ...] = (),
    host: str | None = None,
    port: int | None = None,
    workers: int | None = None,
    around: Around | None = None,
) -> None:
    """Serve the project's model; what is not given comes from the environment.

    Parameters
    ----------
    project : Project
    api : callable
        Returns what the project answers; called in the process that serves.
    overrides : tuple of str
        `section.key=value` pairs over `params.yaml`.
    host, port, workers : optional
        As for `serve`.
    around : callable, optional
        Puts a layer around the application, given it, the project and its settings.

    Raises
    ------
    UserError
        If a setting or the address cannot be used.
    """
    params, environment = project.params(overrides), project.environment()
    serve(
        partial(_application, project, api, params, around),
        Limits(**params.serving.model_dump(), api_key=environment.api_key),
        environment.host if host is None else host,
        environment.port if port is None else port,
        environment.workers if workers is None else workers,
    )


def serve(
    make: Callable[[Limits], object], limits: Limits, host: str, port: int, workers: int = 1
) -> None:
    """Serve an application until the process is told to stop.

    On SIGTERM or Ctrl+C no new connection is taken and running requests get 20 seconds.

    Parameters
    ----------
    make : callable
        Builds the application of one process.
    limits : Limits
        Bounds and the API key.
    host, port : str, int
        Where to listen; port 0 takes a free one and logs it.
    workers : int
        Processes; each has its own copy of the model and its own `max_in_flight`.

    Raises
    ------
    UserError
        If the address cannot be used.
    """
    listener = _listen(host, port)
    if workers == 1:
        _serve(make, limits, listener, 1)
        return
    with tempfile.TemporaryDirectory(prefix="metrics-") as shared:
        # Set before the workers start: prometheus_client looks when it is imported.
        os.environ[METRICS_FOLDER] = shared
        try:
            _serve(make, limits, listener, workers)
        finally:
            del os.environ[METRICS_FOLDER]


def _serve(
    make: Callable[[Limits], object], limits: Limits, listener: socket.socket, workers: int
) -> None:
    logging.config.dictConfig(log_config())
    settings = uvicorn.Config(
        partial(make, limits),
        factory=True,
        workers=workers,
        log_config=log_config(),
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
    )
    _announce(listener)
    if workers == 1:
        uvicorn.Server(settings).run([listener])
    else:
        Multiprocess(settings, [listener]).run()


def _application(
    project: Project,
    api: Callable[[], "Api"],
    params: Any,
    around: Around | None,
    limits: Limits,
) -> ASGIApp:
    # Imported in the process that serves, after the metrics folder is set.
    from .reload import Following

    application = Following(project, api(), limits)
    return around(application, project, params) if around else application


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"Cannot listen on {host} port {port} ({error}). Stop what is using it, or choose "
            "another with --port (or the variable PORT)."
        ) from error
    listener.set_inheritable(True)
    return listener


def _announce(listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    if ipaddress.ip_address(host).is_unspecified:
        host = "localhost"
    address = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    logging.getLogger(__name__).info("serving on %s", address)
    if sys.stderr.isatty():
        print(f"Try the model: {address}/  API: {address}/docs  Stop: Ctrl+C", file=sys.stderr)
