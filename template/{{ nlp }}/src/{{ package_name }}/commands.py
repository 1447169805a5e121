"""Commands that only this role has."""

import click

COMMANDS: list[click.Command] = []
