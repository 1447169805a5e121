"""Run the service: one process or several on one address, stopped gracefully."""

import gc
import ipaddress
import logging
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import uvicorn
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.supervisors import Multiprocess

from ..project import telemetry
from ..project.errors import UserError
from ..project.settings import BaseEnvironment, Project
from . import connections, log
from .api import SECURITY
from .limits import Limits, is_open

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
    """Serve the project's model until the process is told to stop.

    On SIGTERM or Ctrl+C no new connection is taken and running requests get 20 seconds.

    Parameters
    ----------
    project : Project
    api : callable
        Returns what the project answers; called in the process that serves.
    overrides : tuple of str
        `section.key=value` pairs over `params.yaml`.
    host, port : str, int, optional
        Where to listen, as the environment says otherwise; port 0 takes a free one and logs it.
    workers : int, optional
        Processes; each has its own copy of the model and its own `max_in_flight`.
    around : callable, optional
        Puts a layer around the application, given it, the project and its settings.

    Raises
    ------
    UserError
        If a setting or the address cannot be used.
    """
    params, environment = project.params(overrides), project.environment()
    workers = environment.workers if workers is None else workers
    listener = _listen(
        environment.host if host is None else host, environment.port if port is None else port
    )
    log.configure()
    limits = Limits(
        **params.serving.model_dump(),
        api_keys=environment.api_keys,
        root_path=environment.root_path,
    )
    application = partial(_application, project, api, params, limits, around)
    settings = _settings(application, environment, workers)
    _announce(listener)
    if workers == 1:
        uvicorn.Server(settings).run([listener])
        return
    with tempfile.TemporaryDirectory(prefix="metrics-") as shared:
        # Set before the workers start: prometheus_client looks when it is imported.
        os.environ[METRICS_FOLDER] = shared
        Multiprocess(settings, [listener]).run()


def _settings(
    application: Callable[[], ASGIApp], environment: BaseEnvironment, workers: int
) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        factory=True,
        workers=workers,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        timeout_keep_alive=connections.SECONDS_KEPT,
        http=connections.Connection,
        # Who asks is what `X-Forwarded-For` says only if one of these addresses says it.
        forwarded_allow_ips=environment.forwarded_allow_ips,
    )


def _application(
    project: Project,
    api: Callable[[], "Api"],
    params: Any,
    limits: Limits,
    around: Around | None,
) -> ASGIApp:
    # Imported in the process that serves, after the metrics folder is set.
    from .reload import Following

    log.configure()
    connections.prepare()
    telemetry.start(project.environment().otel_exporter_otlp_endpoint, project.slug)
    application: ASGIApp = Following(project, api(), limits)
    if around:
        application = around(application, project, params)
    # What is there now stays: looking through it for garbage would stop the service for 60 ms at a time.
    gc.freeze()
    application = telemetry.requests_traced(application, is_open)
    return below(application, limits.root_path) if limits.root_path else application


def below(application: ASGIApp, root: str) -> ASGIApp:
    """The application for a proxy that shows it under `root`, whether that comes with the path or not."""

    async def stripped(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path == root:  # the page's links are relative to its folder
            headers = {name.decode(): value.decode() for name, value in SECURITY}
            await RedirectResponse(f"{root}/", headers=headers)(scope, receive, send)
            return
        if path.startswith(f"{root}/"):
            scope = {**scope, "path": path.removeprefix(root)}
        await application(scope, receive, send)

    return stripped


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
