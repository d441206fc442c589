"""Requests that no browser and no client of ours sends: refused as problems, in words."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from backend.api.bodies import MOST_DEPTH, BodyError, read_json
from backend.settings import Settings
from backend.web.app import create_app
from backend.web.request_checks import MOST_TARGET
from tests.busy import busy


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = create_app(Settings(home=tmp_path_factory.mktemp("home")))
    app.state.feed.stop()  # streams end
    yield TestClient(app, base_url="http://127.0.0.1:8111")
    app.state.database.close()


pytestmark = pytest.mark.sqlite
HOSTS = [
    "[",
    "a:b:c",
    "127.0.0.1:b",
    "127.0.0.1:70000",
    "127.0.0.1:\xb2",
    "127.0.0.1@evil.example",
    "evil@127.0.0.1",
    "127.0.0.1/evil",
    "127.0.0.1:8111:",
    "[::1",
    "",
    "\xe9",
    "localhost.",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_host_that_is_none_is_refused(client: TestClient, host: str, method: str) -> None:
    answer = client.request(method, "/api/health", headers={"host": host.encode("latin-1")})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert "is not allowed; allowed: 127.0.0.1, localhost, ::1" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST:8111", "[::1]:80", "[::1]"])
def test_every_loopback_host_is_taken(client: TestClient, host: str) -> None:
    assert client.get("/api/health", headers={"host": host}).status_code == 200


def test_two_hosts_are_none(client: TestClient) -> None:
    twice = [("host", "127.0.0.1"), ("host", "127.0.0.1")]
    assert client.get("/api/health", headers=twice).status_code == 400


ORIGINS = [
    "http://[",
    "null",
    "",
    "http://127.0.0.1:8111/",
    "http://127.0.0.1:8111@evil.example",
    "\xe9",
    "ftp://127.0.0.1:8111",
    "127.0.0.1:8111",
    "http://127.0.0.1:8111, http://evil",
]


@pytest.mark.parametrize("origin", ORIGINS)
def test_an_origin_that_is_not_this_server_changes_nothing(client: TestClient, origin: str) -> None:
    headers = {"origin": origin.encode("latin-1")}
    answer = client.post("/api/markdown", json={"text": "x"}, headers=headers)
    assert answer.status_code == 403
    assert client.get("/api/health", headers=headers).status_code == 200


def test_of_two_origins_both_must_be_this_server(client: TestClient) -> None:
    own = ("origin", "http://127.0.0.1:8111")
    body = {"text": "x"}
    assert client.post("/api/markdown", json=body, headers=[own]).status_code == 200
    foreign = [own, ("origin", "http://evil.example")]
    assert client.post("/api/markdown", json=body, headers=foreign).status_code == 403


BODIES = {
    "cut off": b'{"text": "a',
    "not UTF-8": b'{"text": "\xff"}',
    "UTF-16": '{"text": "a"}'.encode("utf-16"),
    "half a character": b'{"text": "\\ud83d"}',
    "half a character in a name": b'{"\\ud83d": 1, "text": ""}',
    "NaN": b'{"text": NaN}',
    "infinity": b'{"text": -Infinity}',
    "a name twice": b'{"text": "a", "text": "b"}',
    "a name twice, further in": b'{"text": {"a": [{"b": 1, "b": 1}]}}',
    "too many digits": b'{"text": ' + b"9" * 5000 + b"}",
    "lists in lists": b"[" * 500_000,
    "objects in objects": b'{"a":' * 300_000,
    "lists in lists that are closed": b"[" * (MOST_DEPTH + 2) + b"]" * (MOST_DEPTH + 2),
}


@pytest.mark.parametrize("path", ["/api/plan", "/api/markdown"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_not_our_json_is_refused(client: TestClient, name: str, path: str) -> None:
    began = time.process_time()
    headers = {"content-type": "application/json"}
    answer = client.post(path, content=BODIES[name], headers=headers)
    assert time.process_time() - began < 1.5 * busy()
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"].startswith("the body ")
    assert len(answer.content) < 3000


def test_what_is_json_is_read_as_it_is() -> None:
    value = {"a": [1, 2.5, None, True, "é😀\n"], "b": {"a": {"a": 1}}}
    assert read_json(b"\xef\xbb\xbf" + json.dumps(value).encode()) == value
    nested: object = 1
    for _ in range(MOST_DEPTH):
        nested = [nested]
    assert read_json(json.dumps(nested).encode()) == nested
    with pytest.raises(BodyError, match="too deep"):
        read_json(json.dumps([[nested]]).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"1e400",
        b"[-1e999]",
        b"NaN",
        b"[-Infinity]",
        b'"\\ud800"',
        b'{"a": 1, "a": 1}',
        b"\xff",
        b"[,]",
        b"[" * 3000000,
        b"[" + b"[]," * 4000000 + b"[]]",
    ],
)
def test_what_json_leaves_open_is_refused_in_a_moment(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(BodyError):
        read_json(body)
    assert time.process_time() - began < 0.5 * busy()


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data; boundary=x", "application/xml", "x", "\xe9"]
)
def test_a_body_of_another_type_is_refused(client: TestClient, kind: str) -> None:
    headers = {"content-type": kind.encode("latin-1")}
    answer = client.post("/api/markdown", content=b'{"text": "a"}', headers=headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["/api/experiments?q=%00", "/api/overview?of=e1:%00", "/api/lanes/a%00", "/a%00b",
     "/assets/%00", "/favicon.svg%00", "/api/experiments?" + "q=a&" * (MOST_TARGET // 4)],
)  # fmt: skip
def test_an_address_that_nothing_can_have_is_refused(client: TestClient, path: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, path)
        assert answer.status_code == 400
        assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "path",
    ["/assets/" + "a" * 300, "/assets/%ff", "/assets/..%2f..%2fapp.py", "/api//health", "/api",
     "/api/experiments/%C2%B2", "/api/runs/1%2f..%2f2", "/" + "a" * 300 + ".js"],
)  # fmt: skip
def test_an_odd_address_is_not_found_or_wrong(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("name", "value"),
    [("last-event-id", "1" + "0" * 30), ("last-event-id", "9" * 900), ("last-event-id", "\xb2"),
     ("last-event-id", "-1"), ("range", "bytes=5-1"), ("range", "x"), ("range", "bytes=\xb2-"),
     ("range", "bytes=" + ",".join(f"{i}-{i}" for i in range(3000))),
     ("accept-encoding", "gzip;q=x"),
     ("content-length", "\xb2"), ("content-length", "-1"), ("if-modified-since", "never")],
)  # fmt: skip
def test_a_header_of_any_content_is_no_mistake_of_the_server(
    client: TestClient, name: str, value: str
) -> None:
    for path in ("/api/changes", "/api/health", "/favicon.svg", "/"):
        answer = client.get(path, headers={name: value.encode("latin-1")})
        assert answer.status_code in (200, 404, 503), (path, answer.text)  # 503: no page was built


@pytest.mark.parametrize("length", ["9" * 5000, "2000001", "10000000000000000000000"])
def test_a_length_that_is_too_large_is_refused_before_anything_is_read(
    client: TestClient, length: str
) -> None:
    answer = client.post("/api/markdown", content=b"{}", headers={"content-length": length})
    assert answer.status_code == 413


@pytest.mark.parametrize("method", ["TRACE", "PUT", "OPTIONS", "CONNECT", "FOO"])
def test_a_method_that_a_route_has_not_is_said_with_those_it_has(
    client: TestClient, method: str
) -> None:
    document = client.get("/api/openapi.json").json()
    for path, operations in document["paths"].items():
        if method.lower() in operations:
            continue
        answer = client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 405, (method, path)
        assert answer.headers["allow"]
        assert answer.headers["content-type"] == "application/problem+json"


def test_every_refusal_of_every_route_is_declared_as_a_problem(client: TestClient) -> None:
    document = client.get("/api/openapi.json").json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            wrong = {s: r for s, r in operation["responses"].items() if s >= "4"}
            assert {"400", "413", "503"} <= wrong.keys()
            assert "403" in wrong or method == "get"
            assert "404" in wrong or "{" not in path
            assert "422" in wrong or not operation.get("parameters")
            for answer in wrong.values():
                kind = {"schema": {"$ref": "#/components/schemas/Problem"}}
                assert answer["content"] == {"application/problem+json": kind}
            (right,) = (r for s, r in operation["responses"].items() if s < "4")
            assert right.get("content") or {"204", "302"} & operation["responses"].keys()


def test_head_is_answered_as_get_without_its_body(client: TestClient) -> None:
    for path in client.get("/api/openapi.json").json()["paths"]:
        address = path.replace("{", "").replace("}", "")
        if path == "/api/changes":  # it has no end, and so no length
            assert client.head(address).status_code in (404, 405)
            continue
        head, answer = client.head(address), client.get(address)
        assert head.content == b""
        assert head.status_code == answer.status_code, path
        assert head.headers["content-type"] == answer.headers["content-type"]
        if path != "/api/audit/file":  # it is written in pieces, and has no length beforehand
            assert head.headers["content-length"]
