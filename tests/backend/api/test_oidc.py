"""Signing in by an identity provider, against a real one on loopback that can be made to lie."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import oidc_provider_mock
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from oidc_provider_mock import User
from oidc_provider_mock._app import OpenIDCode
from oidc_provider_mock._storage import AuthorizationCode

from backend.settings import Settings
from backend.storage.tables import Person
from backend.web.app import create_app
from tests.conftest import DatabaseUrl

PUBLIC = "http://127.0.0.1:8111"
ADA: dict[str, object] = {
    "email": "ada@lab.example",
    "email_verified": True,
    "preferred_username": "ada",
    "groups": ["lab"],
}


@pytest.fixture
def issuer() -> Iterator[str]:
    """The address of a provider that knows Ada, and somebody whose address it has not verified."""
    users = (
        User(sub="1", claims=ADA),
        User(sub="2", claims={**ADA, "email_verified": False}),
        User(sub="3", claims={**ADA, "email": "eve@elsewhere.example"}),
    )
    with oidc_provider_mock.run_server_in_thread(user_claims=users) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
def settings(tmp_path: Path, database_url: DatabaseUrl, issuer: str) -> dict[str, Any]:
    return {
        "home": tmp_path / "home",
        "database_url": database_url(tmp_path / "home"),
        "auth": "oidc",
        "public_url": PUBLIC,
        "oidc_issuer": issuer,
        "oidc_client_id": "lab",
        "oidc_client_secret": "a secret",
        "role_groups": "lab=editor",
        "oidc_domains": "lab.example",
    }


def _browser(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=PUBLIC, follow_redirects=False)


def _there(browser: TestClient, sub: str = "1", next: str = "/history") -> str:
    """Go to the provider and say who one is; the address that it sends one back to."""
    begun = browser.get("/api/sign-in/oidc", params={"next": next})
    assert begun.status_code == 302, begun.text
    answered = httpx.post(begun.headers["location"], data={"sub": sub})
    assert answered.status_code == 302, answered.text
    return str(answered.headers["location"])


def _back(browser: TestClient, address: str) -> str:
    """Come back from there; where one is sent on to."""
    finished = browser.get(address)
    assert finished.status_code == 302, finished.text
    assert "no-store" in finished.headers["cache-control"]
    return str(finished.headers["location"])


def _who(browser: TestClient) -> str | None:
    person = browser.get("/api/me").json()["person"]
    return None if person is None else f"{person['name']}, {person['role']}"


def test_somebody_signs_in_comes_back_to_where_they_were_and_out_again(
    settings: dict[str, Any],
) -> None:
    browser = _browser(create_app(Settings(**settings)))
    assert browser.get("/api/me").json()["button"]
    assert browser.get("/api/experiments").status_code == 401
    assert _back(browser, _there(browser, next="/compare?of=e1")) == "/compare?of=e1"
    assert _who(browser) == "ada, editor"
    assert browser.get("/api/experiments").status_code == 200
    assert browser.post("/api/sign-out", headers={"Origin": PUBLIC}).status_code == 204
    assert _who(browser) is None


def test_a_second_time_it_is_the_same_person(settings: dict[str, Any]) -> None:
    app = create_app(Settings(**settings))
    for _ in range(2):
        browser = _browser(app)
        _back(browser, _there(browser))
    with app.state.database.read() as session:
        rows = session.query(Person).all()
        assert [(row.name, row.subject, row.email) for row in rows] == [
            ("ada", "1", "ada@lab.example")
        ]


@pytest.mark.parametrize(
    "next",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/ \r\nSet-Cookie: x=y",
    ],
)
def test_nobody_is_sent_to_another_site(settings: dict[str, Any], next: str) -> None:
    browser = _browser(create_app(Settings(**settings)))
    assert _back(browser, _there(browser, next=next)) == "/"


def test_under_a_path_everything_stays_under_it(settings: dict[str, Any]) -> None:
    app = create_app(Settings(**{**settings, "public_url": f"{PUBLIC}/lab"}))
    browser = _browser(app)
    begun = browser.get("/api/sign-in/oidc").headers["location"]
    (redirect,) = parse_qs(urlsplit(begun).query)["redirect_uri"]
    assert redirect == f"{PUBLIC}/lab/api/sign-in/oidc/callback"


@pytest.mark.parametrize("sub", ["2", "3"])
def test_only_verified_addresses_of_the_domains_may(settings: dict[str, Any], sub: str) -> None:
    browser = _browser(create_app(Settings(**settings)))
    assert _back(browser, _there(browser, sub)) == "/sign-in?failed=domain"
    assert _who(browser) is None


def test_whoever_is_disabled_stays_out(settings: dict[str, Any]) -> None:
    app = create_app(Settings(**settings))
    browser = _browser(app)
    _back(browser, _there(browser))
    with app.state.database.write() as session:
        session.query(Person).one().disabled = True
    app.state.callers.forget()
    assert _who(browser) is None
    assert _back(browser, _there(browser)) == "/sign-in?failed=disabled"


def test_a_way_back_that_another_browser_began_signs_nobody_in(settings: dict[str, Any]) -> None:
    app = create_app(Settings(**settings))
    attacker, victim = _browser(app), _browser(app)
    address = _there(attacker)
    assert _back(victim, address) == "/sign-in?failed=state"
    _there(victim)  # one that has begun itself holds another state
    assert _back(victim, address) == "/sign-in?failed=state"
    assert _who(victim) is None


@pytest.mark.parametrize("other", ["http://127.0.0.1:8112", f"{PUBLIC}/lab"])
def test_another_server_on_the_same_host_leaves_the_way_back_alone(
    settings: dict[str, Any], tmp_path: Path, database_url: DatabaseUrl, other: str
) -> None:
    """Browsers send the cookies of a host to all its ports."""
    browser = _browser(create_app(Settings(**settings)))
    home = tmp_path / "other"
    theirs = {"home": home, "database_url": database_url(home), "public_url": other}
    second = TestClient(
        create_app(Settings(**{**settings, **theirs})), base_url=other, follow_redirects=False
    )
    second.cookies.jar = browser.cookies.jar  # it is one browser
    first, then = _there(browser), _there(second)
    assert _back(browser, first) == "/history"
    assert _who(browser) == "ada, editor"
    assert _back(second, then) == f"{urlsplit(other).path}/history"
    assert _who(second) == "ada, editor"
    assert _who(browser) == "ada, editor"


def test_a_code_works_once(settings: dict[str, Any]) -> None:
    app = create_app(Settings(**settings))
    browser = _browser(app)
    address = _there(browser)
    flow = browser.cookies.get("loraone_flow-8111")
    _back(browser, address)
    again = _browser(app)
    again.cookies.set("loraone_flow-8111", flow or "")
    assert _back(again, address) == "/sign-in?failed=token"


@pytest.mark.parametrize("cookie", ["", "x", "e30=", "WzFd", "eyJzdGF0ZSI6MX0="])
def test_a_flow_that_is_none_is_said_so(settings: dict[str, Any], cookie: str) -> None:
    browser = _browser(create_app(Settings(**settings)))
    browser.cookies.set("loraone_flow-8111", cookie)
    address = f"{PUBLIC}/api/sign-in/oidc/callback?state=&code=x"
    assert _back(browser, address) == "/sign-in?failed=state"


def test_whoever_turns_back_at_the_provider_is_told_so(settings: dict[str, Any]) -> None:
    browser = _browser(create_app(Settings(**settings)))
    begun = browser.get("/api/sign-in/oidc").headers["location"]
    (state,) = parse_qs(urlsplit(begun).query)["state"]
    address = f"{PUBLIC}/api/sign-in/oidc/callback?state={state}&error=access_denied"
    assert _back(browser, address) == "/sign-in?failed=provider"


_HONEST = OpenIDCode.get_jwt_config


def _lies(monkeypatch: pytest.MonkeyPatch, **config: Any) -> None:
    def lying(self: OpenIDCode, grant: Any, client: object = None) -> dict[str, Any]:
        return {**_HONEST(self, grant, client), **config}

    monkeypatch.setattr(OpenIDCode, "get_jwt_config", lying)


OTHER_KEY = RSAKey.generate_key(2048).as_dict(private=True)


@pytest.mark.parametrize(
    "lie",
    [
        {"iss": "http://localhost:1"},
        {"aud": ["somebody else"]},
        {"aud": ["somebody else", "lab"]},
        {"exp": int(-timedelta(minutes=10).total_seconds())},
        {"key": OTHER_KEY},
        {"key": "a secret", "alg": "HS256"},
        {"key": None, "alg": "none"},
    ],
    ids=["issuer", "audience", "two audiences", "expired", "another key", "shared key", "unsigned"],
)
def test_a_token_that_is_not_the_providers_for_us_now_signs_nobody_in(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, lie: dict[str, Any]
) -> None:
    browser = _browser(create_app(Settings(**settings)))
    address = _there(browser)
    _lies(monkeypatch, **lie)
    assert _back(browser, address) in ("/sign-in?failed=token", "/sign-in?failed=unavailable")
    assert _who(browser) is None


def test_a_token_with_another_nonce_signs_nobody_in(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = _browser(create_app(Settings(**settings)))
    address = _there(browser)
    monkeypatch.setattr(AuthorizationCode, "get_nonce", lambda self: "of another flow")
    assert _back(browser, address) == "/sign-in?failed=token"
    assert _who(browser) is None


def test_a_provider_that_calls_itself_something_else_is_none(settings: dict[str, Any]) -> None:
    other = settings["oidc_issuer"].replace("localhost", "127.0.0.1") + "/"
    browser = _browser(create_app(Settings(**{**settings, "oidc_issuer": other})))
    begun = browser.get("/api/sign-in/oidc")
    assert begun.headers["location"] == "/sign-in?failed=unavailable"


def test_a_provider_that_does_not_answer_is_said(settings: dict[str, Any]) -> None:
    browser = _browser(create_app(Settings(**{**settings, "oidc_issuer": "http://127.0.0.1:9"})))
    begun = browser.get("/api/sign-in/oidc")
    assert begun.headers["location"] == "/sign-in?failed=unavailable"


def test_its_secret_is_told_to_nobody(
    settings: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "correct-horse-battery-staple"
    settings |= {"oidc_client_secret": secret, "administrators": "ada@lab.example"}
    app = create_app(Settings(**settings))
    browser = _browser(app)
    _back(browser, _there(browser))
    assert _who(browser) == "ada, administrator"
    assert secret not in browser.get("/api/server").text
    assert secret not in caplog.text and "eyJ" not in caplog.text
    assert secret not in repr(app.state.settings)
