"""HTTP by hand on a real socket: what a client library would never send, or would hide."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from uvicorn.server import Server

from backend.web.connections import Connection, sweep

HOST = b"Host: localhost\r\n"


@dataclass
class Answer:
    """What was answered; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's document."""
        return json.loads(self.body)


class Raw:
    """One connection."""

    def __init__(self, address: tuple[str, int], seconds: float = 20) -> None:
        self.socket = socket.create_connection(address, timeout=seconds)
        self._left = b""

    def send(self, data: bytes) -> None:
        """Send these bytes."""
        self.socket.sendall(data)

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Send a request without a body, and read its answer."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        host = b"" if "host" in {name.lower() for name in headers} else HOST
        self.send(f"{method} {path} HTTP/1.1\r\n".encode() + host + lines.encode() + b"\r\n")
        return self.read(method)

    def read(self, method: str = "GET") -> Answer:
        """Read the next answer, which says how long it is."""
        head = self.until(b"\r\n\r\n").decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        empty = method == "HEAD" or status in (204, 304)
        if "chunked" in headers.get("transfer-encoding", "") and not empty:
            body = b""
            while size := int(self.until(b"\r\n"), 16):
                body += self._take(size)
                self.until(b"\r\n")
            self.until(b"\r\n")
            return Answer(status, headers, body)
        return Answer(status, headers, self._take(0 if empty else int(headers["content-length"])))

    def ended(self, seconds: float) -> bool:
        """Whether the server closes within this time, whatever it still says."""
        self.socket.settimeout(seconds)
        try:
            while self.socket.recv(65536):
                pass
        except TimeoutError:
            return False
        except OSError:
            return True
        return True

    def close(self) -> None:
        """Close."""
        self.socket.close()

    def until(self, end: bytes) -> bytes:
        """What comes up to and with these bytes."""
        while end not in self._left:
            self._more()
        found, _, self._left = self._left.partition(end)
        return found + end

    def _take(self, count: int) -> bytes:
        while len(self._left) < count:
            self._more()
        found, self._left = self._left[:count], self._left[count:]
        return found

    def _more(self) -> None:
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the server has closed the connection")
        self._left += data


@contextmanager
def running(app: Any, most: int = 1000, sweeps: float = 0.05) -> Iterator[tuple[str, int]]:
    """The address of an ASGI application behind the server's own protocol, in a thread."""
    config = uvicorn.Config(
        app, http=Connection, ws="none", log_level="warning", limit_concurrency=most, port=0,
        lifespan="off", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Swept(config, sweeps)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield server.address()
    finally:
        server.should_exit = True
        thread.join(20)


class _Swept(Server):
    """Looks after its connections more often than the real one: the tests' times are short."""

    def __init__(self, config: uvicorn.Config, every: float) -> None:
        super().__init__(config)
        self._every = every

    def address(self) -> tuple[str, int]:
        """Where it listens, once it does."""
        until(lambda: self.started)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return host, port

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._sweeping = asyncio.create_task(self._sweep())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._sweeping.cancel()
        await super().shutdown(sockets)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            sweep(self.server_state.connections, asyncio.get_running_loop().time())


def until(condition: Callable[[], Any], seconds: float = 20) -> None:
    """Wait for it."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
