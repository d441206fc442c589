"""One connection of a client, which is not waited for without end.

uvicorn bounds the pause between two requests, but neither how long a request may take to arrive
nor how many connections there are. Here a client is given a time for the header, a pace for the
body, and a time to read what it is sent; where there are too many connections, those that are
waited for are closed first, so that whoever sends a whole request is answered.

There is no limit for an address: on loopback, and behind a container's port, all have the same.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Collection
from http import HTTPStatus
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from backend.web.problems import answer, problem

log = logging.getLogger(__name__)

HEADER_SECONDS = 10.0
# For the body; one that is not there by then must have come at this pace, and go on so.
BODY_SECONDS = 30.0
BODY_BYTES_PER_SECOND = 10_000
# How long a client may leave what it was sent unread, and a refused body is still thrown away.
READ_SECONDS = 60.0
LEAVE_SECONDS = 10.0
HEADER_BYTES = 32 * 1024
HEADERS = 100


class _Requests(h11.Connection):
    """h11 bounds what it has to wait for; a header that came at once is bounded here.

    ``status`` is what a refused request is to be answered with.
    """

    status = 400

    def next_event(self) -> Any:
        """The next part of a request; raises RemoteProtocolError."""
        try:
            event = super().next_event()
            if isinstance(event, h11.Request):
                size = sum(len(name) + len(value) + 4 for name, value in event.headers)
                if size + len(event.target) > HEADER_BYTES or len(event.headers) > HEADERS:
                    raise h11.RemoteProtocolError("the header is too large", 431)
        except h11.RemoteProtocolError as error:
            self.status = error.error_status_hint
            raise
        return event


class Connection(H11Protocol):
    """uvicorn's protocol with limits; :func:`sweep` must be called every second or so.

    ``limit_concurrency`` is how many connections there may be.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = self._requests = _Requests(h11.SERVER, HEADER_BYTES)
        # uvicorn would refuse whoever comes last, and count those that are only waited for.
        self._most, self.limit_concurrency = self.limit_concurrency, None
        # When the request that is waited for began, or this part of its body; None between two
        # requests. How many bytes have come since.
        self._began: float | None = None
        self._received = 0
        # What a client has not read yet, and since when it has read nothing.
        self._unread = 0
        self._unread_since: float | None = None
        # Since when the rest of a refused request is thrown away: a client that is still sending
        # would not see its answer if the connection were closed at once.
        self._leaving: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection, or refuse it where all others are being answered."""
        super().connection_made(transport)
        self._began = self.loop.time()
        if self._most is None or len(self.connections) <= self._most:
            return
        if not evict([other for other in self.connections if other is not self]):
            log.warning("%d connections are being answered: one more is refused", self._most)
            self._answer(503, f"too many connections; allowed: {self._most}")
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Take in a part of a request."""
        if self._leaving is not None and self.conn.their_state is not h11.SEND_BODY:
            return
        if self._began is None:
            self._began = self.loop.time()
        self._received += len(data)
        super().data_received(data)
        if self._leaving is not None and self.conn.their_state is h11.IDLE:
            # The refused body has come to its end after all.
            self._leaving = self._began = None

    def on_response_complete(self) -> None:
        """Wait for the next request, if the one that was answered has come to its end."""
        if self.conn.their_state is h11.SEND_BODY:
            self._leaving = self.loop.time()
        else:
            pipelined = self.conn.trailing_data[0]
            self._began = self.loop.time() if pipelined else None
            self._received = len(pipelined)
        super().on_response_complete()

    @property
    def waits(self) -> tuple[int, float] | None:
        """What is waited for, the least loss first, and since when; None while it is answered."""
        if self._leaving is not None:
            return 0, self._leaving
        if self._unread_since is not None:
            return 4, self._unread_since
        if self.transport.is_closing():
            return None
        if self.conn.their_state is h11.SEND_BODY and not self.flow.read_paused:
            return 3, self._began or 0.0
        if self.cycle is None or self.cycle.response_complete:
            return (2, 0.0) if self._began is None else (1, self._began)
        return None

    def check(self, now: float) -> None:
        """Give the client up where its time is over."""
        unread = self.transport.get_write_buffer_size()
        if not unread:
            self._unread_since = None
        elif self._unread_since is None or unread < self._unread:
            self._unread_since = now
        self._unread = unread
        if (waits := self.waits) is None:
            return
        kind, since = waits
        passed = now - since
        if (kind == 0 and passed > LEAVE_SECONDS) or (kind == 4 and passed > READ_SECONDS):
            self.transport.abort()
        elif kind == 1 and passed > HEADER_SECONDS:
            self.give_up(f"the header took longer than {HEADER_SECONDS:g} s")
        elif kind == 3 and passed > BODY_SECONDS:
            if self._received < passed * BODY_BYTES_PER_SECOND:
                self.give_up(f"the body came slower than {BODY_BYTES_PER_SECOND / 1000:g} kB/s")
            else:
                self._began, self._received = now, 0

    def give_up(self, why: str) -> None:
        """Close; a request that has begun to come is answered with 408."""
        if self._leaving is not None or self._unread_since is not None:
            self.transport.abort()
            return
        if self._received or self.conn.their_state is h11.SEND_BODY:
            self._answer(408, why)
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """What cannot be read as HTTP is refused like every other request."""
        status = self._requests.status
        if status == 431:
            msg = f"the header is too large; allowed: {HEADER_BYTES} bytes in {HEADERS} lines"
        self._answer(status, msg)
        self._unset_keepalive_if_required()
        self._leaving = self.loop.time()
        if self.transport.can_write_eof() and not self.transport.is_closing():
            self.transport.write_eof()

    def _answer(self, status: int, why: str) -> None:
        """Answer in place of the application, where nothing has been answered yet."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        response = answer(problem(status, why))
        headers = [*self.server_state.default_headers, *response.raw_headers]
        start = h11.Response(
            status_code=status,
            headers=[*headers, (b"connection", b"close")],
            reason=HTTPStatus(status).phrase.encode(),
        )
        for event in (start, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")

    def _should_upgrade(self) -> bool:
        return False  # there are no WebSockets here, and no need to say so for each request


def sweep(connections: Collection[Any], now: float) -> None:
    """Give up the clients whose time is over."""
    for connection in list(connections):
        connection.check(now)


def evict(connections: Collection[Any]) -> bool:
    """Close a tenth of those that are waited for, the oldest first; whether there were any."""
    waiting = [(waits, other) for other in connections if (waits := other.waits) is not None]
    for _, other in heapq.nsmallest(len(waiting) // 10 + 1, waiting, key=lambda entry: entry[0]):
        other.give_up("there are too many connections")
    return bool(waiting)
