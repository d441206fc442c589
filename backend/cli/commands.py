"""All commands of ``loraone``: each is a function of the module that it is about."""

from __future__ import annotations

import typer

from backend.cli import logins, oracles, people, remote, runs, serving, stored
from backend.cli.failures import Commands
from loraone import __version__

app = typer.Typer(
    cls=Commands,
    help="LoRA initialisations: compute, train briefly, measure, compare.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def version() -> None:
    """Print the version."""
    typer.echo(__version__)


for command in (
    runs.plan,
    runs.run,
    remote.launch,
    remote.watch,
    logins.login,
    logins.logout,
    oracles.theory,
    stored.report,
    stored.export,
    serving.serve,
    stored.backup,
    stored.restore,
    version,
):
    app.command()(command)
app.command("import")(stored.take_in)
app.add_typer(people.app, name="user")
