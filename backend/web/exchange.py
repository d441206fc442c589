"""What a server and its readers say to each other, over a socket that only they have.

A frame is a number, a length, and so many bytes. The number is the question's, and its answer's,
before which an empty frame says that the reader has it; 0 is the server's settings, then the
reader's signs of life.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

from starlette.types import Message, Scope

from backend.api.process_state import hand, handed
from backend.logs import about, logged
from backend.storage.audience import Audience, audience

HEAD = struct.Struct(">QQ")
BEAT_S = 1.0
BEGUN = b""

Fields = list[tuple[bytes, bytes]]
# Status, headers, body.
Reply = tuple[int, Fields, bytes]


def frame(number: int, payload: bytes) -> bytes:
    """The bytes of one frame."""
    return HEAD.pack(number, len(payload)) + payload


def question(scope: Scope) -> bytes:
    """What a reader must know of a request."""
    text = {
        "path": scope["path"],
        "audience": audience().document,
        "query": scope["query_string"].decode("latin-1"),
        "headers": _text(scope["headers"]),
        "process": handed(scope),
        "about": dict(about()),
    }
    return json.dumps(text).encode()


def audience_of(payload: bytes) -> Audience:
    """Whom :func:`question` was asked for."""
    return Audience.of(json.loads(payload)["audience"])


def logged_of(payload: bytes) -> AbstractContextManager[None]:
    """What is logged meanwhile is about the request that was asked with :func:`question`."""
    return logged(**json.loads(payload)["about"])


def scope_of(payload: bytes) -> Scope:
    """The request that was asked with :func:`question`."""
    asked: dict[str, Any] = json.loads(payload)
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": asked["path"],
        "raw_path": asked["path"].encode("utf-8", "surrogateescape"),
        "root_path": "",
        "query_string": asked["query"].encode("latin-1"),
        "headers": _bytes(asked["headers"]),
        "client": None,
        "server": None,
        "extensions": {},
    }
    hand(scope, asked["process"])
    return scope


def reply(answer: Reply) -> bytes:
    """An answer."""
    status, headers, body = answer
    return json.dumps([status, _text(headers)]).encode() + b"\n" + body


def answer_of(payload: bytes) -> Reply:
    """What was answered with :func:`reply`."""
    head, _, body = payload.partition(b"\n")
    status, headers = json.loads(head)
    return status, _bytes(headers), body


def frames(connection: socket.socket) -> Iterator[tuple[int, bytes]]:
    """What comes until the other side is gone."""
    with connection.makefile("rb") as file:
        while len(head := file.read(HEAD.size)) == HEAD.size:
            number, length = HEAD.unpack(head)
            payload = file.read(length)
            if len(payload) < length:
                return
            yield number, payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next frame. Raises IncompleteReadError where the other side is gone."""
    number, length = HEAD.unpack(await reader.readexactly(HEAD.size))
    return number, await reader.readexactly(length)


async def collected(app: Callable[..., Awaitable[None]], scope: Scope) -> Reply:
    """All that an application answers to a request without a body."""
    start: Message = {}
    parts: list[bytes] = []
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await asyncio.Event().wait()  # nobody goes away
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        nonlocal start
        if message["type"] == "http.response.start":
            start = message
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return start["status"], list(start["headers"]), b"".join(parts)


def _text(headers: Fields) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]


def _bytes(headers: list[tuple[str, str]]) -> Fields:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
