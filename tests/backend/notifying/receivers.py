"""Where notices arrive in tests: a web server that answers as it is told, and a mail server."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ports import free_port

SECRET = "hush-otter"
# An address of the internet, where nothing of a test arrives.
PUBLIC = "93.184.216.34"


@dataclass
class Receiver:
    """A web server: what came, and what is answered (``hang``: nothing; ``endless``: without end;
    ``to``: go there)."""

    port: int = 0
    status: int = 200
    hang: bool = False
    endless: bool = False
    to: str | None = None
    came: list[dict[str, Any]] = field(default_factory=list)
    asked: int = 0

    def address(self, host: str = "127.0.0.1", more: str = "") -> str:
        """As apprise writes it, with a secret in it."""
        return f"json://ana:{SECRET}@{host}:{self.port}/{SECRET}{more}"

    @property
    def texts(self) -> list[str]:
        """What messages said."""
        return [str(message["message"]) for message in self.came]


@contextmanager
def receiving(host: str = "127.0.0.1") -> Iterator[Receiver]:
    """A web server on a port of its own."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.asked += 1
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.hang:
                time.sleep(60)
            if receiver.status == 200 and receiver.to is None:
                receiver.came.append(json.loads(body))
            self.send_response(receiver.status if receiver.to is None else 307)
            if receiver.to is not None:
                self.send_header("Location", receiver.to)
            self.end_headers()
            while receiver.endless:
                self.wfile.write(bytes(2**20))

        def log_message(self, *given: Any) -> None:
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_port
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield receiver
    server.shutdown()
    server.server_close()


class Mailbox:
    """What came by mail."""

    def __init__(self) -> None:
        self.mails: list[str] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        self.mails.append((envelope.content or b"").decode())  # type: ignore[union-attr]
        return "250 OK"


@contextmanager
def receiving_mail() -> Iterator[tuple[Mailbox, int]]:
    """A mail server and its port."""
    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    yield mailbox, port
    controller.stop()


@contextmanager
def signed_by_itself(folder: Path) -> Iterator[int]:
    """A server of TLS that nobody vouches for; its port."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
         "/CN=lab", "-addext", "subjectAltName=IP:127.0.0.1,IP:10.0.0.5", "-keyout", key,
         "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()
