"""Signing in and out, and what ends a session."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fastapi import FastAPI
from pwdlib.hashers.argon2 import Argon2Hasher

from backend.people import slowdown
from backend.people.passwords import Passwords
from backend.storage.tables import Attempt, Person, SignIn, now
from backend.web.app import create_app
from tests.backend.people import accounts
from tests.backend.people.accounts import PASSWORD, browser, sign_in, who, with_password


def test_me_says_who_asks_and_whether_somebody_has_to_sign_in(local_app: FastAPI) -> None:
    client = browser(local_app)
    found = client.get("/api/me").json()
    assert found["person"] is None
    assert found["auth"] == "local"
    assert found["sign_in_needed"]
    assert not found["administrator_exists"]
    with_password(local_app, "ana", "administrator")
    assert client.get("/api/me").json()["administrator_exists"]
    assert sign_in(client, "ana") == 200
    found = client.get("/api/me").json()
    assert found["person"] | {"colour": ""} == {
        "id": 1,
        "name": "ana",
        "role": "administrator",
        "rights": ["read", "launch", "admin"],
        "way": "session",
        "colour": "",
        "password": True,
    }
    assert not found["sign_in_needed"]


def test_without_accounts_whoever_asks_is_here_and_nobody_signs_in(local_app: FastAPI) -> None:
    app = create_app(local_app.state.settings.model_copy(update={"auth": "none"}))
    client = browser(app)
    found = client.get("/api/me").json()
    assert found["person"]["way"] == "here"
    assert not found["sign_in_needed"]
    assert found["administrator_exists"]
    answer = client.post("/api/sign-in", json={"name": "a", "password": "b"})
    assert answer.status_code == 409
    assert "LORAONE_AUTH is none" in answer.json()["detail"]
    assert client.get("/api/tokens").json() == client.get("/api/me/sign-ins").json() == []
    assert client.post("/api/tokens", json={"name": "a"}).status_code == 409
    app.state.database.close()


def test_somebody_signs_in_by_their_name_however_it_is_written(local_app: FastAPI) -> None:
    with_password(local_app, "Ana Lee", "viewer")
    for name in ("Ana Lee", " ana  lee ", "Ａna Lee"):
        client = browser(local_app)
        assert sign_in(client, name) == 200
        assert who(client) == "Ana Lee"


def test_the_cookie_is_for_this_site_alone_and_no_script_reads_it(local_app: FastAPI) -> None:
    with_password(local_app, "ana", "viewer")
    answer = browser(local_app).post("/api/sign-in", json={"name": "ana", "password": PASSWORD})
    name, *parts = answer.headers["set-cookie"].split("; ")
    assert name.startswith("loraone-8111=")
    assert set(parts) == {"HttpOnly", "Path=/", "SameSite=lax", "Max-Age=2592000"}


def test_servers_on_two_ports_of_a_host_do_not_take_each_others_cookies(
    local_app: FastAPI,
) -> None:
    with_password(local_app, "ana", "viewer")
    here = browser(local_app)
    assert sign_in(here, "ana") == 200
    # What the browser sends to another port of this host, where somebody else is signed in.
    other = here.get("/api/me", headers={"Host": "127.0.0.1:8112"})
    assert other.json()["sign_in_needed"]
    body = {"name": "ana", "password": PASSWORD}
    answer = here.post("/api/sign-in", json=body, headers={"Host": "127.0.0.1:8112"})
    assert answer.headers["set-cookie"].startswith("loraone-8112=")
    assert who(here) == "ana"  # still, on the first


def test_under_a_public_address_a_sign_in_holds_however_the_proxy_passes_requests_on(
    local_app: FastAPI,
) -> None:
    settings = local_app.state.settings
    app = create_app(settings.model_copy(update={"public_url": "http://127.0.0.1:8080"}))
    app.state.passwords = accounts.quick()
    with_password(app, "ana", "viewer")
    here = browser(app)
    assert sign_in(here, "ana") == 200
    for host in ("127.0.0.1:8080", "127.0.0.1:8111", "127.0.0.1"):
        assert here.get("/api/me", headers={"Host": host}).json()["person"]["name"] == "ana"


@pytest.mark.parametrize(
    ("url", "name", "path"),
    [
        ("https://127.0.0.1", "__Host-loraone", "/"),
        ("https://127.0.0.1/lora", "__Secure-loraone_lora", "/lora"),
        ("https://127.0.0.1:8443", "__Host-loraone-8443", "/"),
    ],
)
def test_behind_tls_the_cookie_never_travels_without(
    local_app: FastAPI, url: str, name: str, path: str
) -> None:
    settings = local_app.state.settings
    app = create_app(settings.model_copy(update={"public_url": url}))
    app.state.passwords = accounts.quick()
    with_password(app, "ana", "viewer")
    answer = browser(app).post("/api/sign-in", json={"name": "ana", "password": PASSWORD})
    said = answer.headers["set-cookie"].split("; ")
    assert said[0].startswith(f"{name}=")
    assert {"Secure", f"Path={path}"} <= set(said)
    app.state.database.close()


def test_a_session_has_a_new_secret_each_time_and_the_one_before_ends(local_app: FastAPI) -> None:
    with_password(local_app, "ana", "viewer")

    def cookie_after(cookie: str) -> str:
        client = browser(local_app)
        client.headers["Cookie"] = f"loraone-8111={cookie}"
        answer = client.post("/api/sign-in", json={"name": "ana", "password": PASSWORD})
        return answer.headers["set-cookie"].split(";")[0].partition("=")[2]

    def whose(cookie: str) -> str | None:
        client = browser(local_app)
        client.headers["Cookie"] = f"loraone-8111={cookie}"
        return who(client)

    first = cookie_after("fixed-by-somebody-else")
    assert (whose("fixed-by-somebody-else"), whose(first)) == (None, "ana")
    second = cookie_after(first)
    assert (whose(first), whose(second)) == (None, "ana")


def test_nobody_learns_whether_a_name_is_somebodys(local_app: FastAPI) -> None:
    with_password(local_app, "ana", "viewer")
    with_password(local_app, "bob", "viewer")
    with local_app.state.database.write() as session:
        session.get_one(Person, 2).disabled = True
        session.add(Person(name="carla"))
    tries = [("ana", "wrong"), ("nobody", "wrong"), ("bob", PASSWORD), ("carla", PASSWORD)]
    answers = []
    for name, password in tries:
        client = browser(local_app)
        answers.append(client.post("/api/sign-in", json={"name": name, "password": password}))
        assert who(client) is None
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert all("set-cookie" not in answer.headers for answer in answers)


def test_a_wrong_name_takes_as_long_as_a_wrong_password(
    local_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_password(local_app, "ana", "viewer")
    hasher = Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1)
    looked: list[str] = []
    verify = hasher.verify
    monkeypatch.setattr(
        hasher,
        "verify",
        lambda password, stored: looked.append(password) or verify(password, stored),
    )
    local_app.state.passwords = Passwords(hasher)
    for name in ("ana", "nobody"):
        looked.clear()
        assert sign_in(browser(local_app), name, "wrong") == 401
        assert looked == ["wrong"], f"{name}: a password is looked at once, whoever it is"


def test_signing_out_ends_the_session_and_not_only_the_cookie(local_app: FastAPI) -> None:
    key = with_password(local_app, "ana", "viewer")
    client, other = accounts.signed_in(local_app, key), accounts.signed_in(local_app, key)
    kept = browser(local_app)
    kept.cookies.update(client.cookies)
    assert client.post("/api/sign-out").status_code == 204
    assert who(kept) is None
    assert who(other) == "ana"
    assert client.post("/api/sign-out").status_code == 204  # once more is no mistake


def test_signing_out_everywhere_ends_all_sessions_and_no_token(local_app: FastAPI) -> None:
    key = with_password(local_app, "ana", "viewer")
    browsers = [accounts.signed_in(local_app, key) for _ in range(3)]
    stranger = accounts.signed_in(local_app, with_password(local_app, "bob", "viewer"))
    program = accounts.with_token(local_app, key, "read")
    assert [who(client) for client in browsers] == ["ana"] * 3
    assert browsers[0].post("/api/sign-out-everywhere").status_code == 204
    assert [who(client) for client in browsers] == [None] * 3
    assert (who(program), who(stranger)) == ("ana", "bob")


def test_the_browsers_are_listed_and_each_can_be_ended(local_app: FastAPI) -> None:
    with_password(local_app, "ana", "viewer")
    with_password(local_app, "bob", "viewer")
    here, there, stranger = (browser(local_app) for _ in range(3))
    there.headers["User-Agent"] = "a phone"
    for client, name in ((here, "ana"), (there, "ana"), (stranger, "bob")):
        assert sign_in(client, name) == 200
    listed = {row["browser"]: row for row in here.get("/api/me/sign-ins").json()}
    assert len(listed) == 2
    assert not listed["a phone"]["here"]
    assert listed["testclient"]["here"]
    theirs = stranger.get("/api/me/sign-ins").json()[0]["id"]
    assert here.delete(f"/api/me/sign-ins/{theirs}").status_code == 404
    assert here.delete(f"/api/me/sign-ins/{listed['a phone']['id']}").status_code == 204
    assert (who(here), who(there), who(stranger)) == ("ana", None, "bob")


@pytest.mark.parametrize("column", ["expires_at", "used_at"])
def test_a_session_ends_by_itself(local_app: FastAPI, column: str) -> None:
    with_password(local_app, "ana", "viewer")
    client = browser(local_app)
    sign_in(client, "ana")
    with local_app.state.database.write() as session:
        row = session.get_one(SignIn, 1)
        late = timedelta(hours=local_app.state.settings.session_idle_hours, seconds=1)
        setattr(row, column, now() - (late if column == "used_at" else timedelta(seconds=1)))
    assert who(client) is None
    assert sign_in(browser(local_app), "ana") == 200
    with local_app.state.database.read() as session:
        assert session.query(SignIn).count() == 1, "what has ended is forgotten"


def test_guessing_is_slowed_down_and_says_for_how_long(
    local_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(slowdown, "now", lambda: moment)
    with_password(local_app, "ana", "viewer")
    client = browser(local_app)
    statuses = [sign_in(client, "ana", "wrong") for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    answer = client.post("/api/sign-in", json={"name": "ana", "password": PASSWORD})
    assert answer.status_code == 429, "nor is the right one looked at"
    assert int(answer.headers["retry-after"]) >= 1
    with local_app.state.database.write() as session:
        for row in session.query(Attempt):
            row.last_at -= timedelta(seconds=2)
    assert sign_in(client, "ana") == 200
    assert sign_in(client, "ana", "wrong") == 401, "it has begun anew"


def test_who_comes_too_often_waits_for_no_writer(
    local_app: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = now()
    monkeypatch.setattr(slowdown, "now", lambda: moment)
    database, client = local_app.state.database, browser(local_app)
    assert [sign_in(client, "eve", "wrong") for _ in range(6)] == [401] * 5 + [429]
    monkeypatch.setattr(database, "write", None)
    assert sign_in(client, "eve", "wrong") == 429


def test_disabling_ends_everything_at_once(local_app: FastAPI) -> None:
    administrator = accounts.signed_in(local_app, with_password(local_app, "ana", "administrator"))
    key = with_password(local_app, "bob", "editor")
    page = accounts.signed_in(local_app, key)
    program = accounts.with_token(local_app, key, "launch")
    assert (who(page), who(program)) == ("bob", "bob")
    assert administrator.patch(f"/api/people/{key}", json={"disabled": True}).status_code == 200
    assert (who(page), who(program)) == (None, None)
    assert sign_in(browser(local_app), "bob") == 401
    assert administrator.patch(f"/api/people/{key}", json={"disabled": False}).status_code == 200
    assert (who(page), who(program)) == (None, None), "they sign in anew"
    assert sign_in(browser(local_app), "bob") == 200


def test_where_a_proxy_names_people_nobody_has_a_password(local_app: FastAPI) -> None:
    app = create_app(local_app.state.settings.model_copy(update={"auth": "proxy"}))
    with_password(app, "ana", "viewer")
    assert sign_in(browser(app), "ana") == 409
    app.state.database.close()
