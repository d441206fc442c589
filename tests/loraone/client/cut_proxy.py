"""A proxy that cuts connections, refuses new ones, or holds back what a feed says."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class CutProxy:
    """Passes bytes on, both ways, and remembers them."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._target = (str(address.hostname), int(address.port or 80))
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.asked = b""
        self.answered = b""
        self.refuses = False
        self.holds_back_feeds = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._listening.close()
        self.cut()

    def cut(self) -> None:
        """End all connections in the middle of what they are about."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open.clear()

    def feeds(self) -> list[bytes]:
        """The heads of the requests for the feed, in order."""
        heads = re.split(rb"(?=GET |POST )", self.asked)
        return [head for head in heads if head.startswith(b"GET /api/changes")]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            if self.refuses:
                client.close()
                continue
            server = socket.create_connection(self._target)
            self._open += [client, server]
            for each, other, to_server in ((client, server, True), (server, client, False)):
                threading.Thread(
                    target=self._pass_on, args=(each, other, to_server), daemon=True
                ).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, to_server: bool) -> None:
        passed = b""
        with suppress(OSError):
            while data := source.recv(1 << 16):
                if to_server:
                    # The server knows its own address alone.
                    own = self.url.removeprefix("http://").encode()
                    data = data.replace(own, b"%s:%d" % (self._target[0].encode(), self._target[1]))
                    self.asked += data
                else:
                    self.answered += data
                    passed += data
                    if self.holds_back_feeds and b"text/event-stream" in passed:
                        continue
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
