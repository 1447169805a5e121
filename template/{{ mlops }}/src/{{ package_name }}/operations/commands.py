"""The commands that operate the model."""

import click

from .monitor_command import monitor
from .news_command import news
from .registry_commands import REGISTRY_COMMANDS
from .replay_command import replay

COMMANDS: list[click.Command] = [*REGISTRY_COMMANDS, monitor, news, replay]
