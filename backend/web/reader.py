"""A reader: computes answers for the server in a process of its own, which knows no lanes.

What it computes is Python, and would hold up the threads that store what runs have measured. It
ends with the server, holds no lock, and cannot write to the database.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from fastapi import FastAPI
from starlette.types import ASGIApp

from backend.logs import configure, configured
from backend.settings import Settings
from backend.storage.audience import reading_for
from backend.storage.database import Database
from backend.web import problems
from backend.web.app import application
from backend.web.exchange import (
    BEAT_S,
    BEGUN,
    audience_of,
    collected,
    frame,
    logged_of,
    read_frame,
    reply,
    scope_of,
)
from backend.web.log_rate import LogRate, limit

# Lanes and workers come first; where they leave nothing, it still gets some of the time.
NICENESS = 10
# How long a thread may compute while another waits: a list takes its turn after every statement,
# and would wait Python's 5 ms each time for a figure.
SWITCH_S = 0.0005

log = logging.getLogger(__name__)


def reader_app(settings: Settings) -> FastAPI:
    """The routes on the same database, without all that is of the server's own process: a route
    that needs it fails."""
    return application(settings, Database(settings.url, reading=True))


class Service:
    """Answers what comes through a socket, several questions at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._answering: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the server is gone."""
        _, text = await read_frame(self._reader)
        app = reader_app(Settings(**json.loads(text)))
        os.nice(NICENESS)  # its imports are over
        sys.setswitchinterval(SWITCH_S)
        beating = asyncio.create_task(self._beat())
        while not beating.done():
            number, payload = await read_frame(self._reader)
            self._writer.write(frame(number, BEGUN))
            task = asyncio.create_task(self._answer(app, number, payload))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _answer(self, app: ASGIApp, number: int, payload: bytes) -> None:
        scope = scope_of(payload)
        with logged_of(payload):
            try:
                with reading_for(audience_of(payload)):
                    answer = await collected(app, scope)
            except Exception as error:  # as uvicorn says it in the server
                log.error("an answer failed", exc_info=error)
                answer = await collected(problems.answer(problems.mistake()), scope)
        self._writer.write(frame(number, reply(answer)))

    async def _beat(self) -> None:
        while True:
            self._writer.write(frame(0, b""))
            await self._writer.drain()
            await asyncio.sleep(BEAT_S)


async def _serve(connection: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=connection)
    with suppress(asyncio.IncompleteReadError, OSError):
        await Service(reader, writer).run()
    os._exit(0)  # threads may compute what nobody waits for any more


def main() -> None:
    """``python -m backend.web.reader <number of the socket>``, as the server starts it."""
    for meant in (signal.SIGINT, signal.SIGUSR1):  # the terminal and Slurm mean the server
        signal.signal(meant, signal.SIG_IGN)
    with suppress(OSError):  # where memory runs out, the kernel is to take it, not the server
        Path("/proc/self/oom_score_adj").write_text("800")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: reader: %(message)s")
    configure(configured())
    limit(LogRate())
    asyncio.run(_serve(socket.socket(fileno=int(sys.argv[1]))))


if __name__ == "__main__":
    main()
