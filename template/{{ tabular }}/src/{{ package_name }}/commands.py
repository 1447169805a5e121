"""Commands that only this role has."""

from pathlib import Path

import click


@click.command("init-data")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--target", required=True, metavar="COL", help="The column to predict.")
@click.option("--yes", is_flag=True, help="Accept every proposal without asking.")
def init_data(path: Path, target: str, yes: bool) -> None:
    """Profile a file of your own and write params.yaml and DATA.md for it."""
    from .profiling import init_data as guide

    def ask(question: str, default: str) -> str:
        return str(click.prompt(question, default=default or "none"))

    click.echo(guide.run(Path(), path, target, yes, ask, click.echo))


COMMANDS: list[click.Command] = [init_data]
