"""``loraone serve``: the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.console import console
from loraone.spec.presets import PRESETS


def serve(
    host: Annotated[
        str | None,
        typer.Option(
            help="Address to listen on; loopback unless there are accounts (LORAONE_AUTH)"
        ),
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; the next free one if it is taken")] = None,
    home: Annotated[Path | None, typer.Option(help="Data folder; default: LORAONE_HOME")] = None,
    demo: Annotated[bool, typer.Option(help="Launch the demo if the history is empty")] = False,
) -> None:
    """Start the server and print its URL."""
    from backend.cli.announcement import announce
    from backend.settings import Settings
    from backend.web.server import ServerError
    from backend.web.server import serve as run_server

    given = {"host": host, "port": port, "home": home}
    try:
        settings = Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
        run_server(settings, announce(PRESETS["demo"].spec if demo else None))
    except ServerError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error
