"""Whatever is refused, and by whom: a problem, with the headers that keep other sites out."""

from __future__ import annotations

import select
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.settings import Settings
from backend.web import security
from backend.web.app import create_app
from backend.web.headers import SECURITY
from tests.backend.web.conftest import Served
from tests.backend.web.raw import HOST, Answer, Raw, running, until

LARGE = b"Content-Length: 2000001\r\n"
JSON = b"Content-Type: application/json\r\n"


def request(line: str, *lines: bytes, host: bytes = HOST, body: bytes = b"") -> bytes:
    """The bytes of a request."""
    length = [f"Content-Length: {len(body)}\r\n".encode()] if body else []
    return b"".join([f"{line} HTTP/1.1\r\n".encode(), host, *lines, *length, b"\r\n", body])


REQUESTS = {
    "a view": (200, request("GET /history")),
    "an answer": (200, request("GET /api/health")),
    "an asset that is gone": (404, request("GET /assets/gone.js")),
    "an unknown route": (404, request("GET /api/none")),
    "an unknown experiment": (404, request("GET /api/experiments/999")),
    "a method that is not known there": (405, request("DELETE /api/health")),
    "a wrong field": (422, request("GET /api/experiments?limit=x")),
    "a body that is no JSON": (400, request("POST /api/plan", JSON, body=b"{")),
    "a large body": (413, request("POST /api/plan", LARGE)),
    "another host": (400, request("GET /", host=b"Host: evil.example\r\n")),
    "a broken host": (400, request("GET /", host=b"Host: [::1\r\n")),
    "an empty host": (400, request("GET /", host=b"Host: \r\n")),
    "another port's number": (200, request("GET /", host=b"Host: localhost:65535\r\n")),
    "another origin": (403, request("POST /api/plan", b"Origin: https://evil.example\r\n")),
    "a broken origin": (403, request("POST /api/plan", b"Origin: http://[\r\n")),
    "no origin": (403, request("POST /api/plan", b"Origin: null\r\n")),
    "another site": (403, request("POST /api/plan", b"Sec-Fetch-Site: cross-site\r\n")),
    "another port": (403, request("POST /api/plan", b"Sec-Fetch-Site: same-site\r\n")),
    "a page of another site as a link": (200, request("GET /", b"Sec-Fetch-Site: cross-site\r\n")),
    "no HTTP": (400, b"nonsense\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "a large header": (431, request("GET /", b"X: " + b"a" * 40_000 + b"\r\n")),
    "an unknown encoding": (501, request("POST /api/plan", b"Transfer-Encoding: gzip\r\n")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_every_answer_carries_the_security_headers(server: Served, name: str) -> None:
    status, sent = REQUESTS[name]
    client = Raw(server.address)
    client.send(sent)
    answer = client.read()
    client.close()
    assert answer.status == status, answer.body
    assert "server" not in answer.headers
    check(answer)


def check(answer: Answer) -> None:
    """The headers; and that a refusal is a problem."""
    assert {name: answer.headers.get(name.lower()) for name in SECURITY} == SECURITY
    if answer.status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == answer.status


def test_a_method_that_is_not_known_is_told_those_that_are(server: Served) -> None:
    client = Raw(server.address)
    assert client.ask("/api/health", "DELETE").headers["allow"] == "GET"
    client.close()


def test_what_a_connection_refuses_itself_is_declared_of_every_route(server: Served) -> None:
    answer = Raw(server.address).ask("/api/overview?of=" + "0" * 40_000)
    assert answer.status == 431
    for operations in server.get("/api/openapi.json")["paths"].values():
        for operation in operations.values():
            assert {"400", "408", "431", "503"} <= operation["responses"].keys()


def test_bodies_on_their_way_are_bounded_together_and_honest_ones_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(security, "MAX_BODIES", 1_000_000)
    app = create_app(Settings(home=tmp_path, max_upload_mb=1))
    with running(app) as address:
        part = b"Content-Length: 1500000\r\n\r\n" + b" " * 1_400_000
        first, second = Raw(address), Raw(address)
        for client in (first, second):
            client.send(b"POST /api/markdown HTTP/1.1\r\n" + HOST + JSON + part)
        # Whichever body was read last; the other one is waited for.
        answered, _, _ = select.select([first.socket, second.socket], [], [], 20)
        refused, held = (first, second) if first.socket in answered else (second, first)
        answer = refused.read()
        assert answer.status == 503
        check(answer)
        held.close()
        until(lambda: Raw(address).ask("/api/markdown", "POST").status == 422)
        third = Raw(address)
        third.send(b"POST /api/markdown HTTP/1.1\r\n" + HOST + JSON + part + b" " * 100_000)
        assert third.read().status == 400
    app.state.database.close()


def test_events_are_not_packed_and_so_not_held_back(server: Served) -> None:
    client = Raw(server.address)
    stream = b"GET /api/changes HTTP/1.1\r\n" + HOST + b"Accept-Encoding: gzip, br\r\n\r\n"
    client.send(stream)
    head = client.until(b"following").decode()
    assert "content-encoding" not in head.lower()
    client.close()


@pytest.fixture
def faulty(tmp_path: Path) -> Iterator[TestClient]:
    """A server with a route that has a fault."""

    def fault(request: Request) -> Response:
        raise RuntimeError("a secret")

    app = create_app(Settings(home=tmp_path))
    app.router.routes.insert(0, Route("/api/fault", fault))
    address = "http://127.0.0.1:8111"
    yield TestClient(app, base_url=address, raise_server_exceptions=False)
    app.state.database.close()


def test_a_fault_of_the_server_is_a_problem_that_tells_nothing(faulty: TestClient) -> None:
    answer = faulty.get("/api/fault")
    check(Answer(answer.status_code, dict(answer.headers), answer.content))
    assert answer.status_code == 500
    assert "secret" not in answer.text
