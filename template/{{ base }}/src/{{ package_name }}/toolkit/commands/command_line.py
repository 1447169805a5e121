"""The frame of the command line: errors as sentences, stages known to DVC, the shared commands.

The project's own `cli.py` says which commands there are. Each imports what it needs when it is
called, so that `--help` answers at once.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..evaluation.display import case, plural
from ..project.errors import UserError
from ..project.settings import Project
from ..serving.api import Api
from .progress import AboveBars, say, working
from .role import Data, Json, Ladder, Metrics, PredictFile, Requests, Stage, require_left

if TYPE_CHECKING:
    from ..serving.server import Around

logger = logging.getLogger(__name__)
Show = Callable[[Any], str]

settings = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override a key of params.yaml for this call, such as data.limit=5000.",
)  # fmt: skip
json_flag = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
recorded = click.option("--recorded", is_flag=True, hidden=True)


class CommandLine(click.Group):
    """The commands of a project; a user's mistake is a message and exit status 1.

    Parameters
    ----------
    project : Project
    summary : str
        What `--help` says first.
    """

    def __init__(self, project: Project, summary: str) -> None:
        context = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
        super().__init__(help=summary, context_settings=context)
        self.project = project
        self.stages: dict[str, Callable[[], Stage]] = {}

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run the command line and exit."""
        logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[AboveBars()])
        logging.getLogger(__package__.partition(".")[0]).setLevel(logging.INFO)
        # On busy cores, OpenMP's spinning threads make boosting several times slower than sleeping
        # ones.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        options.setdefault("prog_name", Path(sys.argv[0]).name)
        options["standalone_mode"] = False
        try:
            status = super().main(*arguments, **options)
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
                f"Error: {error.strerror or error}{place}. Every file is whole, the earlier or the new "
                "one. Free some space, or choose a place you may write to, and run the command again.",
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

    def stage(self, show: Show) -> Callable[[Callable[[], Stage]], Callable[[], Stage]]:
        """Add a stage of `run`: the decorated function imports and returns what does the work.

        Parameters
        ----------
        show : callable
            From the stage's result to what is printed.
        """

        def add(load: Callable[[], Stage]) -> Callable[[], Stage]:
            name = load.__name__
            self.stages[name] = load

            def command(overrides: tuple[str, ...], as_json: bool, recorded: bool) -> None:
                from ..project.files import alone
                from . import pipeline

                project, work = self.project, load()
                if recorded:  # DVC called, and records the result itself
                    earlier = pipeline.recorded_overrides(project.root)
                    params = project.params([*earlier, *overrides])
                    with working(name):
                        result = work(project, params)
                    require_left(project.root, name)
                else:
                    params = project.params(overrides)
                    with alone(project.root, name), working(name):
                        pipeline.write_inputs(project, overrides)
                        result = work(project, params)
                        require_left(project.root, name)
                        pipeline.record(project.root, name)
                print_result(result, as_json, show(result))

            command.__doc__ = load.__doc__
            self.add_command(click.command(name)(settings(json_flag(recorded(command)))))
            return load

        return add


def print_result(result: Any, as_json: bool, sentence: str) -> None:
    """Print a result for a script or for a person."""
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else sentence)


def data_line(report: Data) -> str:
    """How many rows, or what the role judges instead, are split."""
    count = sum(report["split"][subset]["rows"] for subset in ("train", "test"))
    return f"{plural(count, case(dict(report)))} are split. More: reports/data.json"


def result_line(metrics: Metrics) -> str:
    """One line on the test result of the shipped model."""
    primary, count = metrics["primary"], metrics["test_openings"]
    return (
        f"{metrics['chosen_rung']}: {primary['metric']} {primary['test']:.3f} on "
        f"{metrics['n_test']:,} test rows (opened {count} time{'s' if count != 1 else ''}). "
        "The report: reports/report.html"
    )


def ladder_lines(ladder: Ladder) -> str:
    """One line a candidate; an arrow marks the one that ships."""
    width = max(len(rung["name"]) for rung in ladder["rungs"])
    return "\n".join(
        f"{'→' if rung['name'] == ladder['chosen'] else ' '} {rung['name']:<{width}}  "
        f"{ladder['metric']} {rung['mean']:.4f} ± {rung['std']:.4f}"
        for rung in ladder["rungs"]
    )


def add_run(cli: CommandLine) -> None:
    """Add `run`."""

    @cli.command()
    @settings
    @json_flag
    @click.option("--force", is_flag=True, help="Do every stage again, even if it is up to date.")
    def run(overrides: tuple[str, ...], as_json: bool, force: bool) -> None:
        """Data, train, evaluate and report; what is up to date is not done again."""
        from ..project.files import read_json
        from . import pipeline

        pipeline.run(cli.project, overrides, force)
        metrics = read_json(cli.project.root / "reports" / "metrics.json", "evaluate")
        print_result(metrics, as_json, result_line(metrics))


def add_predict(cli: CommandLine, load: Callable[[], PredictFile]) -> None:
    """Add `predict`; `load` imports and returns what scores a file or folder."""

    @cli.command()
    @click.argument("source", metavar="IN", type=click.Path(path_type=Path))
    @click.option(
        "--output", required=True, type=click.Path(path_type=Path), help="Where to write."
    )
    @settings
    @json_flag
    def predict(source: Path, output: Path, overrides: tuple[str, ...], as_json: bool) -> None:
        """Score what lies in IN; row order is kept, a bad row is reported by number."""
        with working("predict"):
            result = load()(cli.project, cli.project.params(overrides), source, output)
        bad = f", {result['bad']:,} of them bad (see the column `error`)" if result["bad"] else ""
        print_result(result, as_json, f"{result['rows']:,} rows{bad}: {output}")


def add_serve(cli: CommandLine, api: Callable[[], Api], around: "Around | None" = None) -> None:
    """Add `serve`; `api` imports and returns what the service answers."""

    @cli.command(help=f"Answer over HTTP with the model in models/{cli.project.served}.")
    @click.option("--host", help="Address to listen on; HOST in the environment otherwise.")
    @click.option(
        "--port", type=click.IntRange(0, 65535), help="PORT in the environment otherwise."
    )
    @click.option("--workers", type=click.IntRange(1, 64), help="Processes that answer.")
    @settings
    def serve(
        host: str | None, port: int | None, workers: int | None, overrides: tuple[str, ...]
    ) -> None:
        from ..serving import server

        server.run(cli.project, api, overrides, host, port, workers, around)


def add_bench(
    cli: CommandLine,
    requests: Callable[[], Requests],
    report: Callable[[], Stage],
    fixed: Sequence[str] = (),
    aside: Mapping[str, str] | None = None,
) -> None:
    """Add `bench`.

    Parameters
    ----------
    cli : CommandLine
    requests, report : callable
        Import and return what gives the requests, and the stage that writes the README.
    fixed : sequence of str
        `section.key=value` pairs that the service is measured with.
    aside : mapping of str to str, optional
        See `benchmark.command.run`.
    """

    @cli.command()
    @click.option("--connections", type=click.IntRange(1, 1000), default=8, show_default=True)
    @click.option("--seconds", type=click.FloatRange(1, 60), default=5, show_default=True)
    @settings
    @json_flag
    def bench(connections: int, seconds: float, overrides: tuple[str, ...], as_json: bool) -> None:
        """Start the service, ask it for some seconds, write reports/bench.json and its README line."""
        from ..benchmark import command
        from ..project.files import alone

        project = cli.project
        pairs = [*fixed, *overrides]
        with working("bench"):
            result = command.run(project, requests(), pairs, connections, seconds, aside or {})
        try:
            with alone(project.root, "report"), working("report"):
                report()(project, project.params(overrides))
        except UserError as error:
            logger.warning("README.md stays as it is: %s", error)
        print_result(result, as_json, bench_line(result))


def bench_line(result: Json) -> str:
    """What `bench` measured, and whether the asking was what limited it."""
    took, asking = result["milliseconds"], result["client_cores"]
    refused = sum(count for status, count in result["statuses"].items() if status != "200")
    rate = result["requests_per_second"]
    return (
        f"{rate:{',.0f' if rate >= 10 else '.2g'}} requests/s over {result['connections']} connections: "
        f"p50 {took['p50']:.2f} ms, p99 {took['p99']:.2f} ms"
        + (f"; {refused:,} were refused" if refused else "")
        + f". Asking took {asking:.0%} of a core"
        + (", and may be what limits this" if asking > 0.9 else "")
        + ("" if result["enough"] else ". Too few for a p99 and the README: use more --seconds")
        + ". More: reports/bench.json"
    )


def add_site(cli: CommandLine, api: Callable[[], Api]) -> None:
    """Add `site`."""

    @cli.command()
    @click.option("--screenshot", is_flag=True, help="Take docs/preview.png of it, by Chromium.")
    @json_flag
    def site(screenshot: bool, as_json: bool) -> None:
        """Write site/: the reports and the model as pages that need no server.

        Lists what goes in first. The page's answers are compared with the offline ones; if they differ,
        the earlier site stays.
        """
        from ..site import build, preview

        with working("site"):
            result = build.build(cli.project, api(), say)
        compared = ""
        if "rows" in result:
            compared = (
                f" {result['rows']:,} test rows differ from the offline answers by "
                f"{result['largest_difference']:.1e} at most."
            )
        size = sum(result["files"].values())
        sentence = (
            f"site/ has {plural(len(result['files']), 'file')}, {size / 1e6:.1f} MB.{compared}"
        )
        if screenshot:
            sentence += f" Its picture: {preview.take(cli.project.root, build.SITE)}"
        print_result(result, as_json, sentence)


def add_check(cli: CommandLine) -> None:
    """Add `check`."""

    @cli.command()
    @click.option(
        "--strict", is_flag=True, help="Exit with status 1 if an item fails or cannot be verified."
    )
    @click.option("--offline", is_flag=True, help="Leave out what needs the network; --strict too.")
    @settings
    @json_flag
    def check(strict: bool, offline: bool, overrides: tuple[str, ...], as_json: bool) -> int:
        """List what a reviewer would find: verified, failed, not verified, or for a person to judge."""
        from . import check as readiness

        report, params = cli.stages["report"](), cli.project.params(overrides)
        with working("check"):
            items = readiness.run(cli.project, params, report, offline)
        as_list = [item.to_json() for item in items]
        print_result(as_list, as_json, readiness.format_table(items, offline))
        return 1 if strict and not all(item.passes(offline) for item in items) else 0
