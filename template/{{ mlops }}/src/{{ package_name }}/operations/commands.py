"""The commands that operate the model."""

import click

COMMANDS: list[click.Command] = []
