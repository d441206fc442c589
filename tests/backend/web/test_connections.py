"""A client that keeps the server waiting is given up; one that sends whole requests is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from backend.web import connections
from backend.web.headers import SECURITY
from tests.backend.web.raw import HOST, Raw, running, until

Address = tuple[str, int]
POST = b"POST /body HTTP/1.1\r\n" + HOST


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body; ``/early`` without reading it; ``/large`` with 50 MB;
    ``/hold`` never."""
    length, path = 0, scope["path"]
    more = path == "/body"
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    if path == "/hold":
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    body = b"a" * 1_000_000 if path == "/large" else str(length).encode()
    times = 50 if path == "/large" else 1
    headers = [(b"content-length", str(times * len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for number in range(times):
        await send({"type": "http.response.body", "body": body, "more_body": number < times - 1})
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tenths of the seconds that a real client is given."""
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.4)
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.6)
    monkeypatch.setattr(connections, "READ_SECONDS", 0.8)
    monkeypatch.setattr(connections, "LEAVE_SECONDS", 0.5)


@pytest.fixture
def address() -> Iterator[Address]:
    """A server with the application, and room for ten connections."""
    with running(application, most=10) as found:
        yield found


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\n", b"GET", POST + b"Content-Length: 3\r\n"],
    ids=["a line", "three bytes", "a header without its end"],
)
def test_a_header_that_does_not_come_to_its_end_is_a_408(address: Address, sent: bytes) -> None:
    client = Raw(address)
    client.send(sent)
    answer = client.read()
    assert answer.status == 408
    assert "longer than 0.4 s" in answer.json()["detail"]
    assert client.ended(1)


def test_a_byte_now_and_then_does_not_prolong_the_time_for_a_header(address: Address) -> None:
    client = Raw(address, seconds=0.1)
    client.send(b"GET / HTTP/1.1\r\nX: ")
    with pytest.raises(OSError):
        for _ in range(200):
            client.send(b"a")
            try:
                assert client.read().status == 408
            except TimeoutError:
                continue
            client.read()


def test_a_connection_without_a_request_is_closed_without_an_answer(address: Address) -> None:
    client = Raw(address, seconds=3)
    assert client.socket.recv(10) == b""


def test_the_time_for_a_header_begins_anew_with_each_request(address: Address) -> None:
    client = Raw(address)
    for _ in range(4):
        client.send(b"GET / HTTP/1.1\r\n")
        until_later(0.2)
        client.send(HOST + b"\r\n")
        assert client.read().status == 200
    client.send(b"GET")
    assert client.read().status == 408


def test_a_body_must_keep_a_pace_and_a_slow_one_is_a_408(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_BYTES_PER_SECOND", 300)
    client = Raw(address)
    client.send(POST + b"Content-Length: 1000\r\n\r\nabc")
    assert client.read().status == 408
    # A longer time in all, but at the pace.
    steady = Raw(address)
    steady.send(POST + b"Content-Length: 1600\r\n\r\n")
    for _ in range(16):
        until_later(0.1)
        steady.send(b"a" * 100)
    assert steady.read().body == b"1600"


def test_a_body_that_began_fast_may_not_stop_for_the_time_it_has_saved(
    address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BODY_BYTES_PER_SECOND", 300)
    client = Raw(address, seconds=4)
    client.send(POST + b"Content-Length: 10000\r\n\r\n" + b"a" * 9000)
    assert client.read().status == 408


def test_a_chunked_body_without_an_end_is_a_408_too(address: Address) -> None:
    client = Raw(address)
    client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    assert client.read().status == 408


def test_a_client_that_does_not_read_its_answer_is_given_up(address: Address) -> None:
    client = Raw(address)
    client.send(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
    until_later(2)
    with pytest.raises(ConnectionError):
        client.read()


def test_a_client_that_reads_slowly_gets_the_whole_answer(address: Address) -> None:
    client = Raw(address)
    client.send(b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
    received = 0
    while received < 50_000_000:
        part = len(client.socket.recv(1 << 22))
        assert part
        received += part
        until_later(0.02)


def test_what_is_refused_before_its_body_has_come_is_answered_and_then_closed(
    address: Address,
) -> None:
    client = Raw(address)
    client.send(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\nabc")
    assert client.read().status == 200
    assert client.ended(3)


def test_a_refused_body_that_comes_to_its_end_leaves_the_connection_usable(
    address: Address,
) -> None:
    client = Raw(address)
    client.send(b"POST /early HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\nabc")
    assert client.read().status == 200
    client.send(b"a" * 997)
    until_later(1)
    assert client.ask("/body").status == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 33_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 33_000, 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"X: a\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"a" * 33_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    ],
)
def test_what_is_no_request_is_a_problem_with_the_security_headers(
    address: Address, sent: bytes, status: int
) -> None:
    client = Raw(address)
    client.send(sent)
    answer = client.read()
    assert answer.status == status == answer.json()["status"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert {name: answer.headers[name.lower()] for name in SECURITY} == SECURITY
    assert client.ended(3)


def test_nonsense_after_a_request_ends_the_connection_and_nothing_else(address: Address) -> None:
    client = Raw(address)
    client.send(b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\n")
    client.send(b"nonsense\r\n\r\n")
    client.close()
    assert Raw(address).ask("/body").status == 200


def test_those_that_are_waited_for_longest_make_room_for_the_next(address: Address) -> None:
    idle = Raw(address)
    assert idle.ask("/body").status == 200
    waiting = []
    for _ in range(9):
        waiting.append(Raw(address))
        waiting[-1].send(b"GET")
    until_later(0.1)
    answered = Raw(address)
    assert answered.ask("/body").status == 200
    assert waiting[0].read().status == 408
    assert idle.ask("/body").status == 200


def test_where_all_are_being_answered_one_more_is_told_so(address: Address) -> None:
    held = [Raw(address) for _ in range(10)]
    for client in held:
        client.send(b"GET /hold HTTP/1.1\r\n" + HOST + b"\r\n")
    until_later(0.2)
    refused = Raw(address).read()
    assert refused.status == 503
    assert "allowed: 10" in refused.json()["detail"]
    held[0].close()
    until(lambda: _answered(address))


def test_an_upgrade_to_a_web_socket_is_answered_as_if_it_were_not_asked_for(
    address: Address,
) -> None:
    answer = Raw(address).ask("/body", Connection="Upgrade", Upgrade="websocket")
    assert answer.status == 200


def _answered(address: Address) -> bool:
    try:
        return Raw(address).ask("/body").status == 200
    except OSError:
        return False


def until_later(seconds: float) -> None:
    """Let the server's time pass."""
    asyncio.run(asyncio.sleep(seconds))
