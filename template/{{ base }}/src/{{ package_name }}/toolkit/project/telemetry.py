"""Traces of a request's parts by OpenTelemetry, where somebody collects them; otherwise nothing at all.

On with `OTEL_EXPORTER_OTLP_ENDPOINT` and `uv sync --extra telemetry`; all else is said by OpenTelemetry's own
variables (https://opentelemetry.io/docs/languages/sdk-configuration/). What is not traced costs nothing: a
function that `traced` is given comes back as it is.
"""

import os
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from .errors import UserError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

P = ParamSpec("P")
T = TypeVar("T")
_tracer: Any = None


def start(endpoint: str | None, service: str) -> None:
    """Send traces to a collector from now on; without an `endpoint`, do nothing.

    Parameters
    ----------
    endpoint : str, optional
        Of a collector that takes OTLP over HTTP, such as `http://localhost:4318`.
    service : str
        What the traces are of, unless `OTEL_SERVICE_NAME` says.

    Raises
    ------
    UserError
        If the packages are not installed.
    """
    if endpoint is None:
        return
    # The SDK reads the environment only, and `.env` may have said it.
    os.environ.setdefault("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
    os.environ.setdefault("OTEL_SERVICE_NAME", service)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise UserError(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed: run `uv sync "
            "--extra telemetry`, or unset it."
        ) from error
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider)


def use(provider: Any) -> None:
    """Trace with a provider, or no longer with None."""
    global _tracer
    _tracer = provider and provider.get_tracer(__name__)


def traced(name: str, function: Callable[P, T]) -> Callable[P, T]:
    """`function` in a span of this name; or itself, where nothing is traced."""
    if _tracer is None:
        return function

    @wraps(function)
    def spanned(*args: P.args, **options: P.kwargs) -> T:
        with _tracer.start_as_current_span(name):
            return function(*args, **options)

    return spanned


def requests_traced(app: "ASGIApp", is_open: Callable[[str], bool]) -> "ASGIApp":
    """`app` with a span for each request, which continues the trace of its caller.

    Parameters
    ----------
    app : ASGI application
    is_open : callable
        Whether a path is for probes, scrapers and people, and not traced.
    """
    if _tracer is None:
        return app
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    propagator = TraceContextTextMapPropagator()  # https://www.w3.org/TR/trace-context/

    async def layer(scope: "Scope", receive: "Receive", send: "Send") -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        carried = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        with _tracer.start_as_current_span(
            f"{method} {path}",
            context=propagator.extract(carried),
            kind=trace.SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path},
        ) as span:

            async def noted(message: "Message") -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status == 404:  # a path that anybody may make up is no name
                        span.update_name(method)
                    if status >= 500:
                        span.set_status(trace.StatusCode.ERROR)
                await send(message)

            await app(scope, receive, noted)

    return layer
