"""The commands that operate a model; each imports what it needs when it is called."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from ..project.settings import Project
from .command_line import json_flag, print_result, recorded, settings
from .progress import working

ALARMED = REFUSED = 2  # exit statuses
Owner = Callable[[], Any]


@dataclass(frozen=True)
class Operations:
    """Whose model is operated, and how: what every command gets as click's object.

    Attributes
    ----------
    project : Project
    api, gate, monitor, replay : callable
        Import and return what the owner's modules of these names define.
    """

    project: Project
    api: Owner
    gate: Owner
    monitor: Owner
    replay: Owner


def _decided(decision: dict[str, Any], as_json: bool) -> int:
    verb = "is the champion" if decision["promoted"] else "was refused"
    lines = [f"Version {decision['version']} ({decision['model_version']}) {verb}."]
    lines += [f"- {reason}" for reason in decision["reasons"]]
    if not decision["promoted"]:
        lines.append(f"{decision['champion']} goes on serving.")
    print_result(decision, as_json, "\n".join(lines))
    return 0 if decision["promoted"] else REFUSED


@click.command()
@settings
@json_flag
@recorded
@click.pass_obj
def register(own: Operations, overrides: tuple[str, ...], as_json: bool, recorded: bool) -> None:
    """Register models/current and let the gate decide whether it becomes the champion.

    The last stage of `run`. A refusal is a result, not a mistake: exit status 0.
    """
    from ..project.files import alone
    from . import pipeline

    root, gate = own.project.root, own.gate()
    if recorded:
        params = own.project.params((*pipeline.recorded_overrides(root), *overrides))
        with working("register"):
            decision = gate.register(own.project, params)
    else:
        params = own.project.params(overrides)
        with alone(root, "register"), working("register"):
            decision = gate.register(own.project, params)
            pipeline.record(root, "register")
    _decided(decision, as_json)


@click.command()
@click.option("--rung", metavar="NAME", help="Another candidate than the champion's.")
@click.option("--if-advised", is_flag=True, help="Only where the last `monitor` advises it.")
@settings
@json_flag
@click.pass_obj
def retrain(
    own: Operations,
    rung: str | None,
    if_advised: bool,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Fit the champion's candidate with the labels that have come, too; the gate decides.

    Exit status: 0 promoted, 1 a mistake, 2 refused. With --if-advised: 0 also where it is not
    advised or has to wait for labels.
    """
    from ..monitoring.alerts import RESULT
    from ..project.files import alone, read_json

    project, params, gate = own.project, own.project.params(overrides), own.gate()
    with alone(project.root, "retrain"):
        if not if_advised:
            with working("retrain"):
                decision = gate.retrain(project, params, rung)
            return _decided(decision.to_json(), as_json)
        seen = read_json(project.root / RESULT, "monitor")
        with working("retrain"):
            found = gate.retrain_if_advised(project, params, seen, rung)
    if not isinstance(found, str):
        return _decided(found.to_json(), as_json)
    print_result({"promoted": False, "reasons": [found]}, as_json, found)
    return 0


@click.command()
@click.argument("version", default="challenger")
@click.option("--force", is_flag=True, help="Without the gate; say why with --reason.")
@click.option("--reason", default="", help="Written down with the decision.")
@settings
@json_flag
@click.pass_obj
def promote(
    own: Operations,
    version: str,
    force: bool,
    reason: str,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Make VERSION (a number, `challenger`, or a model_version) the champion if the gate lets it.

    Exit status: 0 promoted, 1 a mistake, 2 refused.
    """
    params = own.project.params(overrides)
    with working("promote"):
        decision = own.gate().promote(own.project, params, version, force, reason)
    return _decided(decision.to_json(), as_json)


@click.command()
@click.option("--reason", default="", help="Written down with the decision.")
@json_flag
@click.pass_obj
def rollback(own: Operations, reason: str, as_json: bool) -> None:
    """Put the champion before this one back; called again, it goes back one more."""
    from ..registry.registry import Registry

    with working("rollback"):
        version = Registry(own.project, own.api().load).rollback(reason)
    sentence = f"Version {version.number} ({version.model_version}) is the champion again."
    print_result(version.to_json(), as_json, sentence)


@click.command()
@click.option("--watch", type=click.FloatRange(min=1), metavar="SECONDS", help="Follow the alias.")
@json_flag
@click.pass_obj
def champion(own: Operations, watch: float | None, as_json: bool) -> None:
    """Say which version is the champion; models/champion is made to match the registry's alias.

    With --watch, do so for ever: an alias moved in MLflow's own page is followed, too.
    """
    from ..registry.registry import Registry

    registry = Registry(own.project, own.api().load)
    if watch is not None:
        _follow(registry.champion, watch)
    with working("champion"):
        version = registry.champion()
    if version is None:
        print_result(None, as_json, "There is no champion yet. `run` makes the first one.")
        return
    name, said = f"{version.number} ({version.model_version})", version.tags.get("decision", "")
    print_result(version.to_json(), as_json, f"Version {name} is the champion: {said}")


def _follow(look: Callable[[], object], seconds: float) -> NoReturn:
    """Look again and again; what goes wrong is said once and tried again."""
    import time

    from ..project.errors import UserError

    said = ""
    while True:
        try:
            look()
            problem = ""
        except (UserError, OSError) as error:  # a full disk is no reason to end either
            problem = f"Error: {error}"
        if problem != said:
            click.echo(problem or "The registry answers again.", err=True)
            said = problem
        time.sleep(seconds)


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--late-days", type=float, help="A label after so many days counts as late.")
@json_flag
@click.pass_obj
def labels(own: Operations, source: Path, late_days: float | None, as_json: bool) -> None:
    """Take labels: CSV, Parquet or JSON lines with the columns `id` and `label`.

    An id is that of the answer's header X-Request-ID; of a batch, the id and the row: `id/1`.
    """
    from ..journal.labels import add

    with working("labels"):
        report = add(own.project, source, late_days)
    lines = [f"{report['rows']:,} labels."]
    for kind in ("matched", "unknown", "duplicate", "conflicting", "late", "invalid"):
        found = report[kind]
        if found["count"]:
            more = ", ..." if found["count"] > len(found["ids"]) else ""
            named = "" if kind == "matched" else f": {', '.join(found['ids'])}{more}"
            values = ", ".join(map(repr, found.get("values", ())))
            why = f" (not a class or number of the target: {values})" if values else ""
            lines.append(f"- {kind} {found['count']:,}{named}{why}")
    print_result(report, as_json, "\n".join(lines))


@click.command()
@settings
@json_flag
@click.pass_obj
def compact(own: Operations, overrides: tuple[str, ...], as_json: bool) -> None:
    """Move finished segments of the journal into Parquet or PostgreSQL; forget what is too old.

    Run it from a timer beside the service. `journal.keep_days` says what is too old.
    """
    from ..journal import journal

    with working("compact"):
        done = journal.compact(own.project, own.project.params(overrides).journal.keep_days)
    said = (
        f"{done['records']:,} records of {done['segments']} segments moved ({done['open']} are "
        f"being written), {done['torn']} torn lines, {done['expired']:,} records removed by age."
    )
    print_result(done, as_json, said)


@click.command()
@click.option("--since", type=click.DateTime(), help="Events from this time on (data.time).")
@click.option("--until", type=click.DateTime(), help="Events before this time.")
@click.option(
    "--file", "source", metavar="PATH", type=click.Path(path_type=Path),
    help="Look at a CSV or Parquet file instead of the journal.",
)  # fmt: skip
@click.option("--page/--no-page", default=True, help="Whether Evidently draws reports/drift.html.")
@click.option(
    "--calibrate", type=click.IntRange(1, 10_000), metavar="DRAWS",
    help="Measure false alarms and power instead, over so many draws of unchanged data.",
)  # fmt: skip
@settings
@json_flag
@click.pass_obj
def monitor(
    own: Operations,
    since: datetime | None,
    until: datetime | None,
    source: Path | None,
    page: bool,
    calibrate: int | None,
    overrides: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare what was asked and answered lately with what the model was trained on.

    Exit status: 0 nothing to report, 1 a mistake, 2 at least one alarm.
    """
    from ..monitoring import alerts, calibration

    project, params = own.project, own.project.params(overrides)
    if calibrate:
        measured = own.monitor().calibrate(project, params, calibrate)
        print_result(measured, as_json, calibration.lines(measured))
        return 0
    with working("monitor"):
        result = own.monitor().run(project, params, since, until, source, page)
    print_result(result, as_json, alerts.lines(result))
    return ALARMED if result["alerts"] else 0


@click.command()
@click.option(
    "--outputs", is_flag=True,
    help="Print kind, title and branch as a workflow's $GITHUB_OUTPUT takes them.",
)  # fmt: skip
@json_flag
@click.pass_obj
def news(own: Operations, outputs: bool, as_json: bool) -> None:
    """Sum up what the last `monitor` found and what became of it, in reports/news.md.

    Of three kinds: `promoted` (another model answers), `alarm`, `nothing`.
    """
    from ..monitoring.summary import BODY, summarize

    found = summarize(own.project)
    if outputs and not as_json:
        for name in ("kind", "title", "branch"):
            click.echo(f"{name}={found[name]}")
    else:
        print_result(found, as_json, f"{found['title']}.\nMore: {BODY}")


@click.command()
@click.option("--months", type=click.IntRange(min=1), help="Stop after so many months of traffic.")
@settings
@json_flag
@click.pass_obj
def replay(own: Operations, months: int | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Replay the data month by month: serve, label, monitor, retrain, promote or refuse.

    In replay/, apart from the project's own models and journal. Writes reports/replay.json and the
    README's block.
    """
    import signal
    import sys

    from ..replay.report import FIGURE, RESULT, headline

    # Told to end, it stops its service first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    result = own.replay().run(own.project, own.project.params(overrides), months)
    print_result(
        result, as_json, f"{headline(result)} More: {RESULT}, {FIGURE}; `report` shows them"
    )


COMMANDS: list[click.Command] = [
    register, retrain, promote, rollback, champion, labels, compact, monitor, news, replay
]  # fmt: skip
