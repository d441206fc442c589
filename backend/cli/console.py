"""Where the command line speaks: standard error, so that standard output is for results."""

from rich.console import Console

console = Console(stderr=True)
