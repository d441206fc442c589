"""Whose word is taken about where a request comes from, and under which path it is asked."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.types import Scope

from backend.settings import Settings
from backend.web.app import create_app
from backend.web.proxies import ProxiesMiddleware

pytestmark = pytest.mark.sqlite
TRUSTED = "10.0.0.0/8, ::1, 127.0.0.1"


def seen(
    peer: str | None,
    *said: tuple[str, str],
    trusted: str = TRUSTED,
    path: str = "/",
    root: str = "",
) -> Scope:
    """A request as the application sees it."""
    found: list[Scope] = []

    async def app(scope: Scope, receive: Any, send: Any) -> None:
        found.append(scope)

    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in said]
    scope = {"type": "http", "scheme": "http", "path": path, "headers": headers,
             "client": None if peer is None else (peer, 4711)}  # fmt: skip
    middleware = ProxiesMiddleware(app, Settings(trusted_proxies=trusted).proxies, root)
    asyncio.run(middleware(scope, None, None))  # type: ignore[arg-type]
    return found[0]


@pytest.mark.parametrize(
    ("said", "client"),
    [
        (["203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6, 203.0.113.7"], "203.0.113.7"),  # what the client itself has said
        (["203.0.113.7, 10.1.1.1, 10.2.2.2"], "203.0.113.7"),  # proxies behind proxies
        (["6.6.6.6, 203.0.113.7, 10.1.1.1"], "203.0.113.7"),
        (["6.6.6.6", "203.0.113.7"], "203.0.113.7"),  # in two lines
        (["10.3.3.3, 10.1.1.1"], "10.3.3.3"),  # a person inside
        (["203.0.113.7:55555"], "203.0.113.7"),
        (["[2001:db8::7]:55555"], "2001:db8::7"),
        (["2001:0db8::7"], "2001:db8::7"),
        (["::ffff:203.0.113.7"], "203.0.113.7"),
        (["6.6.6.6, unknown"], "10.0.0.1"),
        (["6.6.6.6, unknown, 10.1.1.1"], "10.1.1.1"),
        (["6.6.6.6, \xff"], "10.0.0.1"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_who_asks_is_the_rightmost_that_is_not_a_trusted_proxy(
    said: list[str], client: str
) -> None:
    scope = seen("10.0.0.1", *[("X-Forwarded-For", line) for line in said])
    assert scope["client"][0] == client
    assert scope["state"]["proxy"] == "10.0.0.1"


FORWARDED = [
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "127.0.0.1"),
    ("Forwarded", "for=6.6.6.6;host=127.0.0.1;proto=https"),
]


@pytest.mark.parametrize("peer", ["203.0.113.7", "192.168.0.1", "testclient", "", None])
@pytest.mark.parametrize("header", FORWARDED, ids=lambda header: header[0])
def test_of_whoever_is_not_trusted_nothing_is_taken(
    peer: str | None, header: tuple[str, str]
) -> None:
    scope = seen(peer, header, ("Host", "lab.example.org"))
    assert scope["client"] == (None if peer is None else (peer, 4711))
    assert scope["scheme"] == "http"
    assert scope["headers"] == [(b"host", b"lab.example.org")]
    assert scope["state"]["proxy"] is None


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
def test_no_address_is_trusted_that_is_not_named_not_even_loopback(peer: str) -> None:
    assert seen(peer, *FORWARDED, trusted="")["client"][0] == peer
    assert seen(peer, *FORWARDED)["client"][0] == "6.6.6.6"
    assert seen("::ffff:127.0.0.1", *FORWARDED)["client"][0] == "6.6.6.6"


def test_scheme_and_host_are_the_nearest_proxys() -> None:
    said = [("Host", "upstream"), ("X-Forwarded-Host", "evil.example, lab.example.org"),
            ("X-Forwarded-Proto", "http, https")]  # fmt: skip
    scope = seen("10.0.0.1", *said)
    assert scope["scheme"] == "https"
    assert scope["headers"] == [(b"host", b"lab.example.org")]
    assert seen("10.0.0.1", ("X-Forwarded-Proto", "gopher"))["scheme"] == "http"


def test_a_host_that_a_proxy_names_is_asked_like_every_other(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path, public_url="https://lab.example.org", trusted_proxies="10.0.0.1"
    )
    app = create_app(settings)
    for peer, host, status in [
        ("10.0.0.1", "lab.example.org", 200),
        ("10.0.0.1", "evil.example", 400),
        ("10.0.0.2", "lab.example.org", 400),
    ]:
        client = TestClient(app, base_url="http://upstream", client=(peer, 1))
        answer = client.get("/api/health", headers={"X-Forwarded-Host": host})
        assert answer.status_code == status


def test_a_proxy_that_is_not_named_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Scope, receive: Any, send: Any) -> None: ...

    middleware = ProxiesMiddleware(app, [], "")
    scope = {"type": "http", "path": "/", "client": ("127.0.0.1", 1), "headers": []}
    said = {**scope, "headers": [(b"x-forwarded-for", b"6.6.6.6")]}
    with caplog.at_level(logging.WARNING):
        for each in (scope, said, said):
            asyncio.run(middleware(each, None, None))  # type: ignore[arg-type]
    (line,) = caplog.messages
    assert line.startswith("127.0.0.1 says for whom it asks")
    assert "LORAONE_TRUSTED_PROXIES" in line


@pytest.mark.parametrize(
    ("path", "inside"),
    [("/lora/api/health", "/api/health"), ("/api/health", "/api/health"), ("/lora", "/"),
     ("/lora/", "/"), ("/", "/"), ("/lorax/api", "/lorax/api"),
     ("/lora/lora/api/health", "/lora/api/health"), ("/a/lora/api", "/a/lora/api")],
)  # fmt: skip
def test_the_path_is_left_out_once_and_need_not_be_there(path: str, inside: str) -> None:
    assert seen("10.0.0.1", path=path, root="/lora")["path"] == inside
    assert seen("10.0.0.1", path=path)["path"] == path


@pytest.mark.parametrize("prefix", ["/lora", ""], ids=["kept", "stripped"])
def test_everything_is_answered_under_the_path_and_without_it(
    tmp_path: Path, built_page: Path, prefix: str
) -> None:
    app = create_app(Settings(home=tmp_path, public_url="https://lab.example.org/lora"))
    client = TestClient(app, base_url="https://lab.example.org")
    asset = next((built_page / "assets").glob("index-*.js")).name
    for path in ("/", "/history", "/api/docs", "/api/health", "/api/catalog", "/favicon.svg",
                 f"/assets/{asset}", "/api/experiments"):  # fmt: skip
        assert client.get(prefix + path).status_code == 200, path
    assert client.post(f"{prefix}/api/markdown", json={"text": "x"}).status_code == 200
    too_large = client.post(f"{prefix}/api/experiments/import", content=b" " * 3_000_000)
    assert too_large.status_code == 422, "an import may be larger than other bodies"
    assert client.post(f"{prefix}/api/markdown", content=b" " * 3_000_000).status_code == 413
    for path in ("/api/nothing", "/assets/nothing.js", "/api/health/"):
        assert client.get(prefix + path).status_code == 404, path
