"""What the server is called: by which names it may be asked, and which pages are its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError

from backend.people.roles import RIGHTS
from backend.settings import Settings
from backend.web.app import create_app
from backend.web.server import ServerError, serve
from backend.web.sockets import ports
from tests.backend.people import accounts

pytestmark = pytest.mark.sqlite

Ask = Callable[..., TestClient]
PUBLIC = "https://lab.example.org:8443/lora"


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """A client of a server with these settings."""

    def client(**settings: Any) -> TestClient:
        app = create_app(Settings(home=tmp_path / "home", **settings))
        return TestClient(app, base_url="http://127.0.0.1:8111")

    return client


def changes(client: TestClient, host: str, **headers: str) -> int:
    """The status of a request that would change something."""
    said = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post("/api/markdown", json={"text": "x"}, headers=said).status_code


@pytest.mark.parametrize(
    ("host", "status"),
    [("lab.example.org", 200), ("LAB.example.org:8443", 200), ("lab.example.org:1", 200),
     ("127.0.0.1:8111", 200), ("localhost", 200), ("[::1]:8111", 200),
     ("example.org", 400), ("lab.example.org.evil.example", 400), ("evil.example", 400),
     ("lab.example.org@evil.example", 400), ("10.0.0.1:8111", 400)],
)  # fmt: skip
def test_the_public_name_is_taken_beside_loopback_and_no_other(
    ask: Ask, host: str, status: int
) -> None:
    client = ask(public_url=PUBLIC)
    assert client.get("/api/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("listening", "host", "status"),
    [("192.168.1.5", "192.168.1.5:8111", 200), ("192.168.1.5", "192.168.1.6:8111", 400),
     ("fd00::5", "[fd00:0::5]:8111", 200), ("fd00::5", "[fd00::6]:8111", 400),
     ("0.0.0.0", "0.0.0.0:8111", 400), ("::", "[::]:8111", 400), ("0", "0", 400)],
)  # fmt: skip
def test_the_address_that_is_listened_on_is_a_name_and_every_address_is_none(
    ask: Ask, listening: str, host: str, status: int
) -> None:
    client = ask(host=listening, auth="local")
    assert client.get("/api/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [("lab.example.org:8443", "https://lab.example.org:8443", 200),
     ("lab.example.org", "https://lab.example.org:8443", 200),  # nginx's $host has no port
     ("127.0.0.1:8111", "https://lab.example.org:8443", 200),  # nginx's default Host
     ("127.0.0.1:8111", "http://127.0.0.1:8111", 200),
     ("lab.example.org:8443", "http://lab.example.org:8443", 403),  # not by TLS: anybody's
     ("lab.example.org:8443", "https://lab.example.org", 403),
     ("lab.example.org:8443", "http://127.0.0.1:8111", 403),
     ("lab.example.org:8443", "https://lab.example.org:8443/lora", 403),
     ("lab.example.org:8443", "https://other.example.org:8443", 403),
     ("lab.example.org:8443", "null", 403)],
)  # fmt: skip
def test_only_its_own_pages_may_change_anything(
    ask: Ask, host: str, origin: str, status: int
) -> None:
    assert changes(ask(public_url=PUBLIC), host, origin=origin) == status


@pytest.mark.parametrize(
    ("site", "status"),
    [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403), ("", 403)],
)
def test_what_a_browser_says_of_a_page_counts_without_origin(
    ask: Ask, site: str, status: int
) -> None:
    client = ask(public_url=PUBLIC)
    assert changes(client, "lab.example.org:8443", sec_fetch_site=site) == status
    own = "https://lab.example.org:8443"
    assert changes(client, "lab.example.org:8443", sec_fetch_site=site, origin=own) == status


def test_who_is_signed_in_by_a_cookie_must_say_which_page_asks(ask: Ask) -> None:
    app: Any = ask(auth="local").app
    somebody = accounts.person(app.state.database, "ada", "editor")
    browser = accounts.signed_in(app, somebody)
    assert changes(browser, "127.0.0.1:8111") == 200, "it says same-origin"
    del browser.headers["sec-fetch-site"]
    assert changes(browser, "127.0.0.1:8111") == 403
    assert changes(browser, "127.0.0.1:8111", authorization="Basic YTpi") == 403
    assert changes(browser, "127.0.0.1:8111", origin="http://127.0.0.1:8111") == 200
    assert browser.get("/api/experiments").status_code == 200, "reading changes nothing"


def test_a_program_without_a_cookie_need_not(ask: Ask) -> None:
    app: Any = ask(auth="local").app
    somebody = accounts.person(app.state.database, "ada", "editor")
    for right in RIGHTS:
        assert changes(accounts.with_token(app, somebody, right), "127.0.0.1:8111") == 200
    token = accounts.with_token(app, somebody, "read")
    assert changes(token, "127.0.0.1:8111", cookie="of=a-balancer") == 200
    assert changes(accounts.nobody(app), "127.0.0.1:8111") == 401


def test_where_nobody_signs_in_cookies_of_others_do_not_matter(ask: Ask) -> None:
    assert changes(ask(), "127.0.0.1:8111", cookie="of=another-port") == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "0x0", "::0", ""])
def test_every_address_needs_a_public_one(tmp_path: Path, host: str) -> None:
    settings = Settings(home=tmp_path, host=host, auth="local")
    with pytest.raises(ServerError, match=r"every address.*LORAONE_PUBLIC_URL"):
        serve(settings, lambda app, url: None)


def test_a_proxy_finds_the_server_at_its_port_or_not_at_all(tmp_path: Path) -> None:
    assert list(ports(Settings(home=tmp_path, port=8111, public_url=PUBLIC))) == [8111]


@pytest.mark.parametrize(
    ("given", "url", "origin", "root"),
    [("https://Lab.Example.org/", "https://lab.example.org", "https://lab.example.org", ""),
     ("https://lab.example.org:443/lora/", "https://lab.example.org/lora",
      "https://lab.example.org", "/lora"),
     ("http://lab:80", "http://lab", "http://lab", ""),
     ("http://lab:443/a/b", "http://lab:443/a/b", "http://lab:443", "/a/b"),
     ("http://[FD00:0::5]:8111", "http://[fd00::5]:8111", "http://[fd00::5]:8111", "")],
)  # fmt: skip
def test_a_public_address_is_read_as_browsers_write_it(
    tmp_path: Path, given: str, url: str, origin: str, root: str
) -> None:
    settings = Settings(home=tmp_path, public_url=given)
    assert (settings.public_url, settings.public_origin, settings.root_path) == (url, origin, root)


@pytest.mark.parametrize(
    ("given", "said"),
    [("https://lab/api", "/api and /assets are the server's"),
     ("https://lab/assets/x", "/api and /assets are the server's"),
     ("https://lab/../x", "allowed: such as"), ("https://lab/./x", "allowed: such as"),
     ('https://lab/"><script>', "allowed: such as"), ("https://lab/a b", "allowed: such as"),
     ("https://lab:0", "allowed: such as"), ("https://a@lab", "allowed: such as"),
     ("https://lab?x", "allowed: such as"), ("ftp://lab", "allowed: such as")],
)  # fmt: skip
def test_what_is_no_public_address_is_refused_in_a_sentence(
    tmp_path: Path, given: str, said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings(home=tmp_path, public_url=given)
