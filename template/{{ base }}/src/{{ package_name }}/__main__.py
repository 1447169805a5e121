"""Entry point of `python -m`."""

from .cli import main

main()
