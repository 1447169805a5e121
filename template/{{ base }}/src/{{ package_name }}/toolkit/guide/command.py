"""The command `init-data`."""

from collections.abc import Callable
from pathlib import Path

import click

from ..commands.command_line import CommandLine, Stage


def add_init_data(cli: CommandLine, data: Callable[[], Stage]) -> None:
    """Add `init-data`; `data` imports and returns the data stage."""

    @cli.command("init-data")
    @click.argument("path", type=click.Path(path_type=Path))
    @click.option("--target", metavar="COL", help="The column to predict; else one is proposed.")
    @click.option("--yes", is_flag=True, help="Write the proposal without asking.")
    def init_data(path: Path, target: str | None, yes: bool) -> None:
        """Profile a file of your own and write params.yaml and DATA.md for it."""
        from . import init_data as guide

        def confirm(proposal: str) -> bool:
            return yes or click.confirm(f"\n{proposal}\nWrite this to params.yaml?", default=True)

        click.echo(guide.run(cli.project, path, target, data(), confirm, click.echo))
