"""The command `news`."""

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command()
@click.option(
    "--outputs", is_flag=True,
    help="Print kind, title and branch as a workflow's $GITHUB_OUTPUT takes them.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def news(outputs: bool, as_json: bool) -> None:
    """Say what the last `monitor` found and what became of it, in reports/news.md.

    Of three kinds: `promoted` (another model answers), `alarm`, `nothing`.
    """
    from ..toolkit.operations import news as stage

    found = stage.run(Path())
    if as_json:
        click.echo(json.dumps(asdict(found), ensure_ascii=False))
    elif outputs:
        for name in ("kind", "title", "branch"):
            click.echo(f"{name}={getattr(found, name)}")
    else:
        click.echo(f"{found.title}.\nMore: {stage.BODY}")
