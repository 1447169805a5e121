"""How an alarm reaches people and machines: a file, Prometheus gauges, a webhook."""

import logging
import queue
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from ..operations.settings import NAMES
from ..project.files import write_bytes, write_json
from ..project.settings import Project

logger = logging.getLogger(__name__)
RESULT = Path("reports", "monitor.json")
GAUGES = Path("reports", "monitor.prom")
SECONDS_TO_ANSWER = 10
MOST_SENT = 20
_SENT = ("monitor", "name", "value", "threshold", "says")


def write(root: Path, result: dict[str, Any]) -> None:
    """Write what the monitor found: `reports/monitor.json`, and the gauges that `/metrics` shows."""
    write_json(root / RESULT, result)
    registry = CollectorRegistry()

    def gauge(name: str, says: str, *labels: str) -> Gauge:
        return Gauge(name, says, labels, registry=registry)

    checks = result["checks"]
    fired = gauge(
        "monitor_alerts", "Checks beyond their threshold in the last window, by monitor.", "monitor"
    )
    for name in NAMES:
        fired.labels(name).set(sum(c["alert"] for c in checks if c["monitor"] == name))
    for measure in ("value", "threshold"):
        says = f"The {measure} of each check of the last window."
        of_check = gauge(f"monitor_check_{measure}", says, "monitor", "check")
        for check in checks:
            of_check.labels(check["monitor"], check["name"]).set(check[measure])
    scored = [check for check in checks if check["monitor"] == "errors"]
    if scored:
        says = "The score on rows whose labels have come, in the last window."
        performance = gauge("monitor_performance", says, "metric")
        for check in scored:
            performance.labels(check["name"]).set(check["detail"]["now"])
    gauge("monitor_rows", "Rows of the last window.").set(result["rows"])
    last = gauge("monitor_last_run_timestamp_seconds", "When the monitor last ran.")
    last.set(datetime.fromisoformat(result["at"]).timestamp())
    write_bytes(root / GAUGES, generate_latest(registry))


def lines(result: dict[str, Any]) -> str:
    """What was found, as lines of text."""
    window, count = result["window"], len(result["checks"])
    span = f", {window['from']} to {window['to']}" if window["from"] else ""
    head = (
        f"{result['rows']:,} rows ({result['labelled']:,} with labels) of {window['source']}{span}."
    )
    if not result["alerts"]:
        return f"{head}\nNo alarm: {count} checks, all within their thresholds."
    said = [head, f"{len(result['alerts'])} of {count} checks are beyond their threshold:"]
    said += [f"- {says}" for says in result["alerts"]]
    if result["retrain"]:
        said.append("Retraining is advised (`monitor.retrain_on`).")
    return "\n".join(said)


def notify(project: Project, result: dict[str, Any]) -> None:
    """Post the alerts to `ALERT_WEBHOOK_URL`, if it is set; the file says what went wrong."""
    url = project.environment().alert_webhook_url
    if url and result["alerts"] and (problem := send(url, project.slug, result)):
        logger.warning("%s. The alerts are in %s.", problem, RESULT)
        write(project.root, {**result, "webhook": problem})


def send(
    url: str, slug: str, result: dict[str, Any], seconds: float = SECONDS_TO_ANSWER
) -> str | None:
    """Post the alerts to a webhook; return what went wrong, or None, within `seconds`.

    The body is JSON with `text` (what Slack, Mattermost and Teams show) and `alerts`. A webhook
    that does not answer costs nothing but this message: the file and the gauges stand already.
    """
    fired = [check for check in result["checks"] if check["alert"]]
    shown = fired[:MOST_SENT]
    count = f"{len(fired)} alert{'s' if len(fired) != 1 else ''}"
    more = [f"... and {len(fired) - len(shown)} more"] if len(fired) > len(shown) else []
    lines = [f"{slug}: {count} on model {result['model_version']}"]
    lines += [*(f"- {check['says']}" for check in shown), *more]
    body = {
        "text": "\n".join(lines),
        "project": slug,
        "model_version": result["model_version"],
        "window": result["window"],
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "alerts": [{key: check[key] for key in _SENT} for check in shown],
    }
    taken: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    # In a thread, since a timeout is one of each read: an answer may come byte by byte.
    work = threading.Thread(target=lambda: taken.put(_post(url, body, 2 * seconds)), daemon=True)
    work.start()
    try:
        problem = taken.get(timeout=seconds)
    except queue.Empty:
        problem = f"no answer within {seconds:g} seconds"
    return None if problem is None else f"The webhook did not take the alerts ({problem})"


def _post(url: str, body: dict[str, Any], seconds: float) -> str | None:
    """Post JSON; what went wrong, without the address, which may hold a secret."""
    try:
        # A redirect is not followed: it would be asked with a GET that carries nothing.
        answer = requests.post(url, json=body, timeout=seconds, allow_redirects=False)
    except (requests.RequestException, ValueError) as error:
        cause: BaseException = error
        while inner := cause.__cause__ or cause.__context__:
            cause = inner
        return (
            getattr(cause, "strerror", None) or f"no HTTP at this address: {type(cause).__name__}"
        )
    return f"status {answer.status_code}" if answer.status_code >= 300 else None
