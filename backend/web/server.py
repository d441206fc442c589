"""Runs the app under uvicorn: a free port, one server per data folder, a clean stop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from fastapi import FastAPI
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from backend.settings import LOOPBACK, Settings
from backend.storage.database import NewerSchemaError
from backend.storage.database_file import DatabaseFileError
from backend.storage.folder_lock import FolderError, FolderInUseError, only_server
from backend.web.app import create_app


class ServerError(RuntimeError):
    """The server cannot start, for a reason that the user can do something about."""


class Server(uvicorn.Server):
    """Ends the open event streams before it waits for connections to close."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when requests are answered."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lifespan's shutdown comes too late: uvicorn would wait for the streams first."""
        self._app.state.feed.stop()
        await super().shutdown(sockets)


def serve(settings: Settings, started: Callable[[FastAPI, str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``started`` is called with the app and its URL.

    Raises ServerError where the address is refused or another server has the data folder.
    """
    if settings.host not in LOOPBACK:
        raise ServerError(
            f"host {settings.host!r} is not allowed: the server has no users yet, so it listens "
            f"on loopback alone; allowed: {', '.join(LOOPBACK)}"
        )
    with _only_server(settings), _listen(settings) as listening:
        port = listening.getsockname()[1]
        url = f"http://{settings.host}:{port}"
        app = _app(settings)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=5)
        Server(config, app, lambda: started(app, url)).run(sockets=[listening])


def _app(settings: Settings) -> FastAPI:
    try:
        return create_app(settings)
    except (NewerSchemaError, DatabaseFileError, FolderError) as error:
        raise ServerError(str(error)) from error
    except OSError as error:
        where = error.filename or settings.home
        raise ServerError(f"{where} cannot be used: {error.strerror}") from error
    except DBAPIError as error:
        where = make_url(settings.url).render_as_string(hide_password=True)
        raise ServerError(f"the database {where} cannot be used: {error.orig}") from error


@contextmanager
def _only_server(settings: Settings) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(only_server(settings))
        except (FolderInUseError, FolderError) as error:
            raise ServerError(str(error)) from error
        yield


@contextmanager
def _listen(settings: Settings) -> Iterator[socket.socket]:
    """A listening socket on the first free port from ``settings.port`` on."""
    address = "0.0.0.0" if settings.in_container else settings.host  # noqa: S104
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    last = settings.port if settings.port == 0 else settings.port + 20
    for port in range(settings.port, last + 1):
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((address, port))
        except OSError:
            listening.close()
            continue
        with listening:
            yield listening
        return
    raise ServerError(f"ports {settings.port} to {last} are all taken; choose another with --port")
