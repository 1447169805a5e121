"""The commands, and nothing else: each loads what it needs when it is called."""

import json
import logging
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from .commands import COMMANDS
from .errors import UserError

ROOT = Path()


def main() -> None:
    """Run the command line; a user's mistake is a message and exit status 1."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger(__package__).setLevel(logging.INFO)
    try:
        status = cli.main(prog_name=Path(sys.argv[0]).name, standalone_mode=False)
    except UserError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        sys.exit(130)
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        click.echo(
            f"Error: {error.strerror or error}{place}. What was there before is untouched; free "
            "some space, or choose a place you may write to, and run the command again.",
            err=True,
        )
        sys.exit(1)
    except MemoryError:
        click.echo(
            "Error: Memory ran out. Use fewer rows (--set data.limit=100000) or a larger machine.",
            err=True,
        )
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """From data to a served, explained model. `run` does all stages in order."""


for command in COMMANDS:
    cli.add_command(command)

settings = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override a key of params.yaml for this call, such as data.limit=5000.",
)  # fmt: skip
as_json = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
recorded = click.option("--recorded", is_flag=True, hidden=True)


def _stage(name: str, work: Callable[[Any], Any], overrides: tuple[str, ...], by_dvc: bool) -> Any:
    """Do one stage; one that was asked for by hand is made known to DVC afterwards."""
    # On busy cores, OpenMP's spinning threads make boosting several times slower than sleeping ones.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from . import config, pipeline

    if by_dvc:
        return work(config.load(ROOT, [*pipeline.recorded_overrides(ROOT), *overrides]))
    params = config.load(ROOT, overrides)
    pipeline.write_inputs(ROOT, overrides)
    result = work(params)
    pipeline.record(ROOT, name)
    return result


def _show(result: Any, as_json: bool, sentence: str) -> None:
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else sentence)


@cli.command()
@settings
@as_json
@click.option("--force", is_flag=True, help="Do every stage again, even if it is up to date.")
def run(overrides: tuple[str, ...], as_json: bool, force: bool) -> None:
    """Data, train, evaluate and report; what is up to date is not done again."""
    from . import pipeline
    from .files import read_json

    pipeline.run(ROOT, overrides, force)
    metrics = read_json(ROOT / "reports" / "metrics.json", "evaluate")
    _show(metrics, as_json, _result_line(metrics))


def _result_line(metrics: dict[str, Any]) -> str:
    primary = metrics["primary"]
    return (
        f"{metrics['chosen_rung']}: {primary['metric']} {primary['test']:.3f} on "
        f"{metrics['n_test']:,} test rows (opened {metrics['test_openings']} time"
        f"{'s' if metrics['test_openings'] != 1 else ''}). The report: reports/report.html"
    )


@cli.command()
@settings
@as_json
@recorded
def data(overrides: tuple[str, ...], as_json: bool, recorded: bool) -> None:
    """Load, validate, profile, check for leaks and split."""

    def work(params: Any) -> Any:
        from . import data as stage

        return stage.run(root=ROOT, params=params)

    result = _stage("data", work, overrides, recorded)
    _show(result, as_json, f"{result['rows_used']:,} rows are split. More: reports/data.json")


@cli.command()
@settings
@as_json
@recorded
def train(overrides: tuple[str, ...], as_json: bool, recorded: bool) -> None:
    """Climb the ladder, choose, refit and export."""

    def work(params: Any) -> Any:
        from . import train as stage

        return stage.run(root=ROOT, params=params)

    ladder = _stage("train", work, overrides, recorded)
    width = max(len(rung["name"]) for rung in ladder["rungs"])
    lines = [
        f"{'→' if rung['name'] == ladder['chosen'] else ' '} {rung['name']:<{width}}  "
        f"{ladder['metric']} {rung['mean']:.4f} ± {rung['std']:.4f}"
        for rung in ladder["rungs"]
    ]
    _show(ladder, as_json, "\n".join(lines))


@cli.command()
@settings
@as_json
@recorded
def evaluate(overrides: tuple[str, ...], as_json: bool, recorded: bool) -> None:
    """Open the test set, count the opening, measure and study the errors."""

    def work(params: Any) -> Any:
        from . import evaluate as stage

        return stage.run(root=ROOT, params=params)

    metrics = _stage("evaluate", work, overrides, recorded)
    _show(metrics, as_json, _result_line(metrics))


@cli.command()
@settings
@as_json
@recorded
def report(overrides: tuple[str, ...], as_json: bool, recorded: bool) -> None:
    """Write the HTML page, the model card and the README's blocks."""

    def work(params: Any) -> Any:
        from . import report as stage

        return stage.run(ROOT)

    page = _stage("report", work, overrides, recorded)
    _show({"report": str(page)}, as_json, f"The report: {page}")


@cli.command()
@click.argument("source", metavar="IN", type=click.Path(path_type=Path))
@click.option("--output", required=True, type=click.Path(path_type=Path), help="Where to write.")
@settings
@as_json
def predict(source: Path, output: Path, overrides: tuple[str, ...], as_json: bool) -> None:
    """Score what lies in IN; row order is kept, a bad row is reported by number."""
    from . import batch, config

    result = batch.run(ROOT, config.load(ROOT, overrides), source, output)
    bad = f", {result['bad']:,} of them bad (see the column `error`)" if result["bad"] else ""
    _show(result, as_json, f"{result['rows']:,} rows{bad}: {output}")


@cli.command()
@click.option("--host", help="Address to listen on; HOST in the environment otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="PORT in the environment otherwise.")
@click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer.")
@settings
def serve(
    host: str | None, port: int | None, workers: int | None, overrides: tuple[str, ...]
) -> None:
    """Answer over HTTP with the model in models/current."""
    from .serving import server

    server.run(ROOT, overrides, host, port, workers)


@cli.command()
@click.option("--strict", is_flag=True, help="Exit with status 1 if any item fails.")
@settings
@as_json
def check(strict: bool, overrides: tuple[str, ...], as_json: bool) -> int:
    """Say what a reviewer would still miss."""
    from . import check as readiness
    from . import config

    items = readiness.run(ROOT, config.load(ROOT, overrides))
    _show([item.to_json() for item in items], as_json, readiness.format_table(items))
    return 1 if strict and not all(item.passed for item in items) else 0
