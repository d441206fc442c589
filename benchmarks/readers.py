"""Readers of a server in a process of their own: HTTP/1.1 on a socket, nothing but asyncio.

Reads what to do as JSON from standard input and writes what was measured to standard output, so
that the client costs the server under load as little as a client can.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Load:
    """``paths`` has the requests of each reader, who makes them in turn from a place of its own.

    ``pause`` seconds are waited after each answer, drawn from nothing to twice that.
    ``revalidate``: an answer that has an ETag is asked for with it the next time, as browsers do.
    """

    host: str
    port: int
    paths: list[list[str]]
    seconds: float
    pause: float = 0.0
    streams: list[str] = field(default_factory=list)
    revalidate: bool = False


@dataclass
class Answers:
    """What readers were given: seconds of every answer by its path, and how many said 304."""

    times: list[float]
    by_path: dict[str, list[float]]
    seconds: float
    statuses: dict[str, int]
    bytes: int
    events: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds

    def at(self, share: float) -> float:
        """Milliseconds within which this share was answered."""
        ordered = sorted(self.times)
        return 1e3 * ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def read(load: Load) -> Answers:
    """Let the readers read, in another process."""
    return started(load)()


def started(load: Load) -> Any:
    """Readers that have begun; call what is returned to wait for what they were given."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.readers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    text = json.dumps(asdict(load))
    assert process.stdin is not None
    process.stdin.write(text)
    process.stdin.close()
    process.stdin = None

    def wait() -> Answers:
        return Answers(**json.loads(process.communicate()[0]))

    return wait


class _Connection:
    """Keep-alive; opened again where the server closed it."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def get(self, path: str, headers: str = "") -> tuple[int, dict[str, str], int]:
        """Status, headers, and the length of the body as it was sent."""
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self._load.host, self._load.port, limit=2**22
            )
        assert self._reader is not None
        path, _, body = path.partition(" ")  # with one it is a POST
        if body:
            headers += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(
            f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\n"
            f"Host: {self._load.host}:{self._load.port}\r\n"
            f"Accept: */*\r\nAccept-Encoding: gzip\r\n{headers}\r\n{body}".encode()
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split()[1])
        fields = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:])}
        length = 0
        if fields.get("transfer-encoding") == "chunked":
            while size := int(await self._reader.readuntil(b"\r\n"), 16):
                await self._reader.readexactly(size + 2)
                length += size
            await self._reader.readexactly(2)
        elif status != 304:
            length = int(fields["content-length"])
            await self._reader.readexactly(length)
        if fields.get("connection") == "close":
            self._writer.close()
            self._writer = None
        return status, fields, length


class _Readers:
    def __init__(self, load: Load) -> None:
        self._load = load
        self._times: list[tuple[str, float]] = []
        self._statuses: Counter[str] = Counter()
        self._bytes = 0
        self._events = 0

    async def all(self) -> Answers:
        load = self._load
        following = [asyncio.create_task(self._follow(path)) for path in load.streams]
        began = time.perf_counter()
        until = began + load.seconds
        await asyncio.gather(*(self._one(n, paths, until) for n, paths in enumerate(load.paths)))
        seconds = time.perf_counter() - began
        for task in following:
            task.cancel()
        by_path: dict[str, list[float]] = {}
        for path, taken in self._times:
            by_path.setdefault(re.sub(r"/\d+|\?.*", "", path), []).append(taken)
        times = [taken for _, taken in self._times]
        return Answers(times, by_path, seconds, dict(self._statuses), self._bytes, self._events)

    async def _one(self, number: int, paths: Sequence[str], until: float) -> None:
        draw = random.Random(number)
        connection, tags = _Connection(self._load), dict[str, str]()
        at = number
        while (began := time.perf_counter()) < until:
            path = paths[at % len(paths)]
            at += 1
            known = tags.get(path) if self._load.revalidate else None
            condition = f"If-None-Match: {known}\r\n" if known else ""
            status, fields, length = await connection.get(path, condition)
            self._times.append((path, time.perf_counter() - began))
            self._statuses[str(status)] += 1
            self._bytes += length
            tags[path] = fields.get("etag", "")
            if self._load.pause:
                await asyncio.sleep(draw.uniform(0, 2 * self._load.pause))

    async def _follow(self, path: str) -> None:
        load = self._load
        reader, writer = await asyncio.open_connection(load.host, load.port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {load.host}:{load.port}\r\n\r\n".encode())
        with suppress(asyncio.CancelledError):
            while line := await reader.readline():
                self._events += line.startswith(b"data:")
        writer.close()


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(_Readers(Load(**json.load(sys.stdin))).all()))))
