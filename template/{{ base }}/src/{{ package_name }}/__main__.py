"""Entry point of `python -m`."""

from .cli import cli

cli()
