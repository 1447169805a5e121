"""The commands that operate the model."""

import click

from .monitor_command import monitor

COMMANDS: list[click.Command] = [monitor]
