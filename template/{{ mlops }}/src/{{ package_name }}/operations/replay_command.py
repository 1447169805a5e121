"""The command `replay`."""

import json
from pathlib import Path

import click


@click.command()
@click.option("--months", type=click.IntRange(min=1), help="Stop after so many months of traffic.")
@click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE",
    help="Override a key of params.yaml for this call, such as replay.first_months=6.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def replay(months: int | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Live through the data month by month: serve, label, monitor, retrain, promote or refuse.

    In replay/, apart from the project's own models and journal. Writes reports/replay.json and the
    README's block.
    """
    import os
    import signal
    import sys

    # Told to end, it stops its service first.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    # As for the stages: OpenMP's spinning threads slow each other down on busy cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from ..toolkit.project import config
    from ..toolkit.operations import replay as year
    from ..toolkit.operations import replay_pages

    root = Path()
    result = year.run(root, config.load(root, overrides), months)
    said = f"{replay_pages.headline(result)} More: {year.RESULT}, {year.FIGURE}"
    click.echo(json.dumps(result, ensure_ascii=False) if as_json else said)
