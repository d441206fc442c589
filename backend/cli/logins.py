"""``loraone login | logout``: the access token of a server, kept on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from backend.cli.console import console
from backend.cli.failures import complain
from backend.cli.remote import sentences

Url = Annotated[
    str | None,
    typer.Argument(help="Address of the server; default: LORAONE_SERVER, or the last login's"),
]


def login(url: Url = None) -> None:
    """Keep an access token for a server, after the server has said whose it is.

    Make one on the page Account. It is asked for, or read from standard input, and is kept in your
    configuration folder in a file that you alone can read. Where the environment sets LORAONE_TOKEN
    that is used instead of it.
    """
    from loraone.client import Client, tokens
    from loraone.client.addresses import is_loopback, server_url

    with sentences():
        address = tokens.usual_server() if url is None else server_url(url)
        if address.startswith("http:") and not is_loopback(address):
            complain(f"{address} is not encrypted: others on the way can read the token")
        secret = tokens.checked(_asked_for(address))
        with Client(address, secret.get_secret_value()) as client:
            person = client.me()
        if person is None:
            complain(f"{address} knows nobody by this token: it is mistyped, deleted or expired")
            raise typer.Exit(2)
        if person.way == "here":
            _say(f"{address} needs no token: nothing is kept")
            return
        tokens.keep(address, secret)
        rights = ", ".join(person.rights)
        _say(f"{person.name} ({person.role}) at {address} may {rights}; kept in {tokens.file()}")


def logout(url: Url = None) -> None:
    """Keep the token of a server no longer. It holds until it is deleted on the page Account."""
    from loraone.client import tokens
    from loraone.client.addresses import server_url

    with sentences():
        address = tokens.usual_server() if url is None else server_url(url)
        if not tokens.forget(address):
            complain(f"no token is kept for {address}")
            raise typer.Exit(2)
        _say(f"the token for {address} is kept no longer; delete it at {address}/account")


def _asked_for(address: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline()
    _say(f"Make an access token at {address}/account, and paste it here; it is not shown.")
    token: str = typer.prompt("Access token", hide_input=True, err=True)
    return token


def _say(sentence: str) -> None:
    console.print(sentence, markup=False, highlight=False, soft_wrap=True)
