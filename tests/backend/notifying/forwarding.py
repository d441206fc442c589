"""A forward proxy, as firms have one between their machines and the internet."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Proxy:
    """What it was asked for; to which ports of this machine hosts lead, that are elsewhere."""

    leads: dict[str, int]
    url: str = ""
    asked: list[str] = field(default_factory=list)


@contextmanager
def forwarding(leads: dict[str, int]) -> Iterator[Proxy]:
    """A proxy on a port of its own."""
    proxy = Proxy(leads)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            proxy.asked.append(f"POST {self.path}")
            body = self.rfile.read(int(self.headers["Content-Length"]))
            port = proxy.leads[urlsplit(self.path).hostname or ""]
            there = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            there.request("POST", "/", body)
            answer = there.getresponse()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            there.close()

        def do_CONNECT(self) -> None:
            proxy.asked.append(f"CONNECT {self.path}")
            port = proxy.leads[self.path.rpartition(":")[0]]
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pour, args=(there, self.connection), daemon=True)
                back.start()
                _pour(self.connection, there)
                back.join()

        def log_message(self, *given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield proxy
    server.shutdown()
    server.server_close()


def _pour(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while came := one.recv(65536):
            other.sendall(came)
        other.shutdown(socket.SHUT_WR)
