"""Runs the app under uvicorn: a free port, one server per data folder, a clean stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from backend.logs import LogFormat, configure
from backend.settings import LOOPBACK, Settings
from backend.storage.database import NewerSchemaError
from backend.storage.database_file import DatabaseFileError
from backend.storage.folder_lock import FolderError, FolderInUseError, only_server
from backend.storage.permissions import tighten
from backend.storage.restoring import sweep_home
from backend.storage.scratch import RAY_SCRATCH
from backend.storage.scratch import sweep as sweep_scratch
from backend.web.app import create_app
from backend.web.connections import Connection, evict, sweep
from backend.web.log_rate import LogRate, limit
from backend.web.readers import Readers
from backend.web.requests import Requests
from backend.web.site import nameless
from backend.web.sockets import (
    ACCEPTED_AT_ONCE,
    BACKLOG,
    listen,
    most_connections,
    ports,
    raise_file_limit,
)
from backend.web.stray_lines import gathered

log = logging.getLogger(__name__)

# How long a thread may compute while another waits. Python's 5 ms are for each statement of a
# lane: one that stores what a run has measured waits for its turn after every one of them.
SWITCH_S = 0.0005


class ServerError(RuntimeError):
    """The server cannot start, for a reason that the user can do something about."""


class Server(uvicorn.Server):
    """Ends the open event streams before it waits for connections to close, and gives up clients
    that are waited for too long."""

    def __init__(self, config: uvicorn.Config, app: FastAPI, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Say when requests are answered."""
        asyncio.get_running_loop().set_exception_handler(self._loop_error)
        # Slurm's warning before the end of a job; without a handler it would be the end.
        loop, kept = asyncio.get_running_loop(), self._app.state.scheduler.checkpoint
        loop.add_signal_handler(signal.SIGUSR1, kept)
        await super().startup(sockets)
        for listening in sockets or ():
            # uvicorn has one number for what waits and what is accepted at once.
            listening.listen(BACKLOG)
        self._ready()

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second."""
        if counter % 10 == 0:
            sweep(self.server_state.connections, asyncio.get_running_loop().time())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lifespan's shutdown comes too late: uvicorn would wait for the streams first, and those
        checkpoints would have less time that are kept meanwhile."""
        self._app.state.feed.stop()
        self._app.state.scheduler.begin_to_stop()
        await super().shutdown(sockets)

    def _loop_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """No connection could be accepted, for one: close some that are waited for."""
        if isinstance(context.get("exception"), OSError) and "accept" in context["message"]:
            evict(self.server_state.connections)
        loop.default_exception_handler(context)


def serve(settings: Settings, started: Callable[[FastAPI, str], None]) -> None:
    """Serve until SIGINT or SIGTERM; ``started`` is called with the app and its URL.

    Raises ServerError where the address is refused or another server has the data folder.
    """
    if settings.auth != "none" and (why := nameless(settings)) is not None:
        raise ServerError(why)
    if settings.auth == "none" and settings.host not in LOOPBACK:
        named = nameless(settings) is None
        public = "" if named else f"LORAONE_PUBLIC_URL=http://NAME:{settings.port} "
        raise ServerError(
            f"host {settings.host!r} is not allowed: whoever reaches a server without accounts may "
            f"do everything, so it listens on loopback alone; allowed: {', '.join(LOOPBACK)}. "
            "With accounts it may be any: 'loraone user add NAME --role administrator', then "
            f"'LORAONE_AUTH=local {public}loraone serve --host {settings.host}'"
        )
    sys.setswitchinterval(SWITCH_S)
    files = raise_file_limit()
    with (
        _logging(settings.log_format),
        _private(),
        _only_server(settings),
        listen(settings) as listening,
    ):
        if listening is None:
            tried = ports(settings)
            taken = f"ports {tried[0]} to {tried[-1]} are all taken"
            if len(tried) == 1:
                taken = f"port {tried[0]} is taken"
            raise ServerError(f"{taken}; choose another with --port")
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        _put_in_order(settings)
        url = f"http://{host}:{listening.getsockname()[1]}"
        app = _app(settings)
        config = uvicorn.Config(
            Requests(app, settings.log_format),
            # Not uvloop, untried here, where a package such as trackio has brought it along.
            loop="asyncio",
            http=Connection,
            ws="none",
            # Its own writes text; without one its lines go where all others do.
            log_config=None if settings.log_format == "json" else uvicorn.config.LOGGING_CONFIG,
            log_level="warning",
            access_log=False,
            # The application itself knows whose word to take (backend/web/proxies.py).
            proxy_headers=False,
            server_header=False,
            backlog=ACCEPTED_AT_ONCE,
            limit_concurrency=most_connections(files),
            timeout_keep_alive=30,
            timeout_graceful_shutdown=5,
        )
        limit(LogRate())
        Server(config, app, lambda: started(app, url)).run(sockets=[listening])


def _put_in_order(settings: Settings) -> None:
    """Remove what killed processes left, and keep what is stored from other users."""
    sweep_home(settings.home)
    with suppress(OSError):  # no folder for temporary files is no reason not to serve
        sweep_scratch(Path(tempfile.gettempdir()), RAY_SCRATCH)
    if changed := tighten(settings):
        names = ", ".join(str(path) for path in changed)
        log.warning("other users could read %s: now only this one can", names)


def _app(settings: Settings) -> FastAPI:
    try:
        return create_app(settings, Readers(settings) if settings.readers else None)
    except (NewerSchemaError, DatabaseFileError, FolderError) as error:
        raise ServerError(str(error)) from error
    except OSError as error:
        where = error.filename or settings.home
        raise ServerError(f"{where} cannot be used: {error.strerror}") from error
    except DBAPIError as error:
        where = make_url(settings.url).render_as_string(hide_password=True)
        raise ServerError(f"the database {where} cannot be used: {error.orig}") from error


@contextmanager
def _logging(form: LogFormat) -> Iterator[None]:
    """In this form, also what the processes write that the server starts."""
    with gathered() if form == "json" else nullcontext():
        configure(form)
        yield


@contextmanager
def _private() -> Iterator[None]:
    """What is made, also by workers, other users cannot read."""
    was = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(was)


@contextmanager
def _only_server(settings: Settings) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(only_server(settings))
        except (FolderInUseError, FolderError) as error:
            raise ServerError(str(error)) from error
        yield
