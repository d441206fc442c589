"""``loraone user``: people with accounts, from the command line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backend.cli.console import console
from backend.cli.failures import Commands

if TYPE_CHECKING:
    from backend.cli.offline_people import Desk
    from backend.people import quotas

app = typer.Typer(
    cls=Commands,
    help="People with accounts (LORAONE_AUTH=local), also while the server runs.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

RoleName = Literal["viewer", "editor", "administrator"]
Name = Annotated[str, typer.Argument(help="Name of the person")]
Home = Annotated[Path | None, typer.Option(help="Data folder; default: LORAONE_HOME")]


@contextmanager
def _desk(home: Path | None) -> Iterator[Desk]:
    """Work on people; what cannot be done ends with code 2 and a sentence."""
    from backend.cli import offline, offline_people

    try:
        with offline_people.desk(home) as desk:
            yield desk
    except offline.StoredError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error


def add(
    name: Name,
    role: Annotated[RoleName, typer.Option(help="What they may do")] = "viewer",
    days: Annotated[int, typer.Option(min=1, max=90, help="How long the link holds")] = 7,
    password: Annotated[
        bool, typer.Option("--password", help="Ask for a password here instead of making a link")
    ] = False,
    home: Home = None,
) -> None:
    """Give somebody an account: print a link by which they choose a password themselves."""
    if not password:
        with _desk(home) as desk:
            link = desk.invite(name, role, days)
        console.print(f"{name} makes the account with this link, once, within {days} days:")
        typer.echo(link)
        return
    if not sys.stdin.isatty():
        console.print("--password asks on a terminal, and there is none", style="red")
        raise typer.Exit(2)
    with _desk(home) as desk:
        desk.check_new(name)
    asked = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    with _desk(home) as desk:
        desk.add(name, role, asked)
    console.print(f"{name} can sign in as {role}", markup=False)


def list_people(home: Home = None) -> None:
    """Print everybody: name, role, account, experiments, when they were last here."""
    with _desk(home) as desk:
        rows = desk.listed()
    _table(
        ("name", "role", "account", "experiments", "last here"),
        *(
            (
                row.name,
                row.role,
                row.account,
                str(row.experiments),
                f"{row.seen:%Y-%m-%d %H:%M} UTC" if row.seen else "",
            )
            for row in rows
        ),
    )


def role(
    name: Name,
    role: Annotated[RoleName, typer.Argument(help="What they may do from now on")],
    home: Home = None,
) -> None:
    """Give somebody another role."""
    with _desk(home) as desk:
        desk.set_role(name, role)
    console.print(f"{name} is {role} now", markup=False)


def disable(name: Name, home: Home = None) -> None:
    """Let somebody in no more: their sessions, tokens and links end."""
    with _desk(home) as desk:
        desk.disable(name)
    console.print(f"{name} cannot sign in any more", markup=False)


def enable(name: Name, home: Home = None) -> None:
    """Let somebody in again who was disabled."""
    with _desk(home) as desk:
        desk.enable(name)
    console.print(f"{name} can sign in again", markup=False)


def reset(name: Name, home: Home = None) -> None:
    """Void somebody's password, sessions and tokens, and print a link for a new password."""
    with _desk(home) as desk:
        link = desk.reset(name)
    console.print(f"{name} sets a new password with this link, once, within 24 hours:")
    typer.echo(link)


def claim(
    name: Name,
    other: Annotated[str, typer.Argument(help="A name without an account, such as a LORAONE_USER")],
    home: Home = None,
) -> None:
    """Make what was launched and written under a name without an account somebody's."""
    with _desk(home) as desk:
        claimed = desk.claim(name, other)
    console.print(
        f"{claimed.experiments} experiments, {claimed.notes} versions of notes and "
        f"{claimed.views} saved searches are {name}'s now",
        markup=False,
    )


def quota(
    name: Name,
    runs: Annotated[
        int | None, typer.Option(min=0, max=10**7, help="Runs of theirs that may wait")
    ] = None,
    disk: Annotated[
        float | None, typer.Option(min=0, max=10**6, help="GB of all that is stored of their runs")
    ] = None,
    lane_hours: Annotated[
        float | None, typer.Option(min=0, max=10**6, help="Hours on lanes in seven days")
    ] = None,
    default: Annotated[
        bool, typer.Option("--default", help="What is not given is what the settings say again")
    ] = False,
    home: Home = None,
) -> None:
    """Set how much of the machine somebody may use, and print what they use of it."""
    given: dict[quotas.Name, float | None] = {
        "runs": runs,
        "disk_gb": disk,
        "lane_hours": lane_hours,
    }
    with _desk(home) as desk:
        desk.set_quotas(name, given, default=default)
        rows = desk.usage(name)
    _table(
        ("quota", "used", "allowed", ""),
        *(
            (row.words, f"{row.used:.3g}", "any", "")
            if row.allowed is None
            else (row.words, f"{row.used:.3g}", f"{row.allowed:g}", row.whose)
            for row in rows
        ),
    )


def _table(*lines: tuple[str, ...]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(map(str.ljust, line, widths)).rstrip())


for command in (add, role, disable, enable, reset, claim, quota):
    app.command()(command)
app.command("list")(list_people)
