"""The commands. Each imports what it needs when it is called, so that `--help` answers at once."""

from typing import Any

from .settings import PROJECT
from .toolkit.commands import command_line as shared

cli = shared.CommandLine(
    PROJECT, "From documents to a service that answers and cites. `run` does all stages in order."
)
shared.add_run(cli)


@cli.stage(lambda report: f"{report['rows_used']:,} rows are split. More: reports/data.json")
def data() -> shared.Stage:
    """Load, validate, profile, check for leaks and split."""
    from .data import run

    return run


@cli.stage(shared.ladder_lines)
def train() -> shared.Stage:
    """Compare the candidate models, choose one, refit and export it."""
    from .train import run

    return run


@cli.stage(shared.result_line)
def evaluate() -> shared.Stage:
    """Open the test set, count the opening, measure and study the errors."""
    from .evaluate import run

    return run


@cli.stage(lambda written: f"The report: {written['report']}")
def report() -> shared.Stage:
    """Write the HTML page, the model card and the README's blocks."""
    from .report import run

    return run


def predictor() -> Any:
    from .api import predict_file

    return predict_file


def api() -> Any:
    from .api import API

    return API


shared.add_predict(cli, predictor)
shared.add_serve(cli, api)
shared.add_check(cli)
