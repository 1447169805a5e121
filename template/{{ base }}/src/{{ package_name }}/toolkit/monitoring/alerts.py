"""How an alarm reaches people and machines: a file, Prometheus gauges, a webhook."""

import http.client
import json
import logging
import queue
import threading
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...about import SLUG
from ..operations.settings import NAMES
from ..project.files import write_text

logger = logging.getLogger(__name__)
GAUGES = Path("reports", "monitor.prom")
SECONDS_TO_ANSWER = 10
MOST_SENT = 20


def write_gauges(root: Path, result: dict[str, Any]) -> Path:
    """Write the result as Prometheus gauges; the service's `/metrics` shows them.

    Parameters
    ----------
    root : Path
        The project's folder.
    result : dict
        The content of `reports/monitor.json`.
    """
    lines: list[str] = []

    def gauge(name: str, says: str, values: list[tuple[dict[str, str], float]]) -> None:
        lines.extend([f"# HELP {name} {says}", f"# TYPE {name} gauge"])
        lines.extend(f"{name}{_labels(labels)} {value:.10g}" for labels, value in values)

    checks = result["checks"]
    fired = {name: sum(c["alert"] for c in checks if c["monitor"] == name) for name in NAMES}
    gauge(
        "monitor_alerts",
        "Checks beyond their threshold in the last window, by monitor.",
        [({"monitor": name}, fired[name]) for name in NAMES],
    )
    for measure in ("value", "threshold"):
        gauge(
            f"monitor_check_{measure}",
            f"The {measure} of each check of the last window.",
            [({"monitor": c["monitor"], "check": c["name"]}, c[measure]) for c in checks],
        )
    performance = [
        ({"metric": c["name"]}, c["detail"]["now"]) for c in checks if c["monitor"] == "errors"
    ]
    if performance:
        says = "The score on rows whose labels have come, in the last window."
        gauge("monitor_performance", says, performance)
    gauge("monitor_rows", "Rows of the last window.", [({}, result["rows"])])
    gauge(
        "monitor_last_run_timestamp_seconds",
        "When the monitor last looked.",
        [({}, datetime.fromisoformat(result["at"]).timestamp())],
    )
    write_text(root / GAUGES, "\n".join(lines) + "\n")
    return root / GAUGES


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    escaped = (
        (name, value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, value in labels.items()
    )
    return "{" + ",".join(f'{name}="{value}"' for name, value in escaped) + "}"


def send(url: str, result: dict[str, Any], seconds: float = SECONDS_TO_ANSWER) -> str | None:
    """Post the alerts to a webhook; return what went wrong, or None, within `seconds`.

    The body is JSON with `text` (what Slack, Mattermost and Teams show) and `alerts`. A webhook
    that does not answer costs nothing but this message: the file and the gauges stand already.
    """
    fired = [check for check in result["checks"] if check["alert"]]
    shown = fired[:MOST_SENT]
    title = f"{SLUG}: {len(fired)} alert{'s' if len(fired) != 1 else ''} on model " + str(
        result["model_version"]
    )
    more = [f"... and {len(fired) - len(shown)} more"] if len(fired) > len(shown) else []
    body = {
        "text": "\n".join([title, *(f"- {check['says']}" for check in shown), *more]),
        "project": SLUG,
        "model_version": result["model_version"],
        "window": result["window"],
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "alerts": [{key: check[key] for key in _SENT} for check in shown],
    }
    if not url.startswith(("http://", "https://")):
        return "ALERT_WEBHOOK_URL must begin with http:// or https://"
    request = urllib.request.Request(  # noqa: S310
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    taken: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # In a thread, since a timeout of urllib is one of each read: an answer may come byte by byte.
    threading.Thread(
        target=lambda: taken.put(_post(request, 2 * seconds)), name="webhook", daemon=True
    ).start()
    try:
        problem = taken.get(timeout=seconds)
    except queue.Empty:
        problem = f"no answer within {seconds:g} seconds"
    return None if problem is None else f"The webhook did not take the alerts ({problem})"


def _post(request: urllib.request.Request, seconds: float) -> str | None:
    """Send a request; what went wrong, without the address, which may hold a secret."""
    try:
        with urllib.request.build_opener(_Staying).open(request, timeout=seconds):
            return None
    except urllib.error.HTTPError as error:
        return f"status {error.code}"
    except urllib.error.URLError as error:
        return getattr(error.reason, "strerror", None) or str(error.reason)
    except OSError as error:
        return error.strerror or str(error)
    except (ValueError, http.client.HTTPException) as error:
        return f"no HTTP at this address: {type(error).__name__}"


class _Staying(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: of a POST, urllib would make a GET that carries nothing."""

    def redirect_request(self, *_: Any) -> None:
        return None


_SENT = ("monitor", "name", "value", "threshold", "says")
