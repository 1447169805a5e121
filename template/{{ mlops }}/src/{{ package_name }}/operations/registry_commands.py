"""The commands that move models and labels; each loads what it needs when it is called."""

import json
from pathlib import Path
from typing import Any, NoReturn

import click

ROOT = Path()
REFUSED = 2

settings = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override a key of params.yaml for this call, such as gate.margin=0.01.",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def _show(result: Any, as_json: bool, *lines: str) -> None:
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else "\n".join(lines))


def _decided(result: dict[str, Any], as_json: bool) -> int:
    verb = "is the champion" if result["promoted"] else "was refused"
    head = f"Version {result['version']} ({result['model_version']}) {verb}."
    rest = [] if result["promoted"] else [f"{result['champion']} goes on serving."]
    _show(result, as_json, head, *(f"- {reason}" for reason in result["reasons"]), *rest)
    return 0 if result["promoted"] else REFUSED


@click.command()
@settings
@as_json
@click.option("--recorded", is_flag=True, hidden=True)
def register(overrides: tuple[str, ...], as_json: bool, recorded: bool) -> int:
    """Register models/current and let the gate decide whether it becomes the champion.

    The last stage of `run`. A refusal is a result, not a mistake: exit status 0.
    """
    from ..toolkit.project import config
    from ..toolkit.commands import pipeline
    from ..toolkit.operations import promotion

    if recorded:
        overrides = (*pipeline.recorded_overrides(ROOT), *overrides)
    _decided(promotion.register(ROOT, config.load(ROOT, overrides)), as_json)
    if not recorded:
        pipeline.record(ROOT, "register")
    return 0


@click.command()
@click.option("--rung", metavar="NAME", help="Another rung of the ladder than the champion's.")
@click.option("--if-advised", is_flag=True, help="Only where the last `monitor` advises it.")
@settings
@as_json
def retrain(rung: str | None, if_advised: bool, overrides: tuple[str, ...], as_json: bool) -> int:
    """Fit the champion's rung anew with the labels that have come; the gate decides.

    Exit status: 0 promoted, 1 a mistake, 2 refused. With --if-advised: 0 also where it is not
    advised or has to wait for labels.
    """
    from ..toolkit.project import config
    from ..toolkit.operations import promotion

    params = config.load(ROOT, overrides)
    if if_advised:
        found = promotion.retrain_if_advised(ROOT, params, rung)
        if isinstance(found, str):
            _show({"promoted": False, "reasons": [found]}, as_json, found)
            return 0
        return _decided(found.to_json(), as_json)
    decision = promotion.retrain(ROOT, params, rung)
    return _decided(decision.to_json(), as_json)


@click.command()
@click.argument("version", default="challenger")
@click.option("--force", is_flag=True, help="Without the gate; say why with --reason.")
@click.option("--reason", default="", help="Written down with the decision.")
@settings
@as_json
def promote(
    version: str, force: bool, reason: str, overrides: tuple[str, ...], as_json: bool
) -> int:
    """Make VERSION (a number, `challenger`, or a model_version) the champion if the gate lets it.

    Exit status: 0 promoted, 1 a mistake, 2 refused.
    """
    from ..toolkit.project import config
    from ..toolkit.operations import promotion

    decision = promotion.promote(ROOT, config.load(ROOT, overrides), version, force, reason)
    return _decided(decision.to_json(), as_json)


@click.command()
@click.option("--reason", default="", help="Written down with the decision.")
@as_json
def rollback(reason: str, as_json: bool) -> None:
    """Put the champion before this one back; called again, it goes back one more."""
    from ..toolkit.operations import registry

    version = registry.rollback(ROOT, reason)
    sentence = f"Version {version.number} ({version.model_version}) is the champion again."
    _show(registry.to_json(version), as_json, sentence)


def _follow(seconds: float) -> NoReturn:
    """Make models/champion match the alias, for ever; what goes wrong is said once, tried again."""
    import time

    from ..toolkit.project.errors import UserError
    from ..toolkit.operations import registry

    said = ""
    while True:
        try:
            registry.champion(ROOT)
            problem = ""
        except (UserError, OSError) as error:  # a full disk is no reason to end either
            problem = f"Error: {error}"
        if problem != said:
            click.echo(problem or "The registry answers again.", err=True)
            said = problem
        time.sleep(seconds)


@click.command()
@click.option("--watch", type=click.FloatRange(min=1), metavar="SECONDS", help="Follow the alias.")
@as_json
def champion(watch: float | None, as_json: bool) -> int:
    """Say which version is the champion; models/champion is made to match the registry's alias.

    With --watch, do so for ever: an alias moved in MLflow's own page is followed, too.
    """
    from ..toolkit.operations import registry

    if watch is not None:
        _follow(watch)
    version = registry.champion(ROOT)
    if version is None:
        _show(None, as_json, "There is no champion yet. `run` makes the first one.")
        return 0
    said = version.tags.get("decision", "")
    _show(
        registry.to_json(version),
        as_json,
        f"Version {version.number} ({version.model_version}) is the champion: {said}",
    )
    return 0


@click.command()
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--late-days", type=float, help="A label after so many days counts as late.")
@as_json
def labels(source: Path, late_days: float | None, as_json: bool) -> None:
    """Take labels: CSV, Parquet or JSON lines with the columns `id` and `label`.

    An id is that of the answer's header X-Request-ID; of a batch, the id and the row: `id/1`.
    """
    from ..toolkit.operations import labels as stage

    report = stage.add(ROOT, source, late_days)
    kinds = ("matched", "unknown", "duplicate", "conflicting", "late", "invalid")
    lines = [f"{report['rows']:,} labels."]
    for kind in kinds:
        found = report[kind]
        if found["count"]:
            more = ", ..." if found["count"] > len(found["ids"]) else ""
            named = "" if kind == "matched" else f": {', '.join(found['ids'])}{more}"
            lines.append(f"- {kind} {found['count']:,}{named}")
    _show(report, as_json, *lines)


@click.command()
@settings
@as_json
def compact(overrides: tuple[str, ...], as_json: bool) -> None:
    """Move finished segments of the journal into Parquet or PostgreSQL; forget what is too old.

    Run it from a timer beside the service. `journal.keep_days` says what is too old.
    """
    from ..toolkit.project import config
    from ..toolkit.operations import journal

    done = journal.compact(ROOT, config.load(ROOT, overrides).journal.keep_days)
    _show(
        done,
        as_json,
        f"{done['records']:,} records of {done['segments']} segments moved ({done['open']} are "
        f"being written), {done['torn']} torn lines, {done['expired']:,} records removed by age.",
    )


REGISTRY_COMMANDS: list[click.Command] = [
    register, retrain, promote, rollback, champion, labels, compact
]  # fmt: skip
