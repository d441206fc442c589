"""Channels of one's own: added, tested, changed, deleted; their addresses are shown to nobody."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import update

from backend.notifying import channels, couriers
from backend.settings import Settings
from backend.storage.tables import AuditRow, NoticeChannel, NoticeToSend, now
from backend.web.app import create_app
from tests.backend.notifying.receivers import SECRET, Receiver, receiving
from tests.backend.people import accounts
from tests.conftest import DatabaseUrl

CHANNELS = "/api/notices/channels"


@pytest.fixture
def web() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def app(tmp_path: Path, database_url: DatabaseUrl) -> FastAPI:
    home = tmp_path / "home"
    given = {"auth": "local", "notice_networks": "127.0.0.1"}
    return create_app(Settings(home=home, database_url=database_url(home), **given))  # type: ignore[arg-type]


@pytest.fixture
def ada(app: FastAPI) -> TestClient:
    return accounts.signed_in(app, accounts.person(app.state.database, "ada", "viewer"))


def given(address: str, **more: Any) -> dict[str, Any]:
    return {"label": "my chat", "address": address, "kinds": ["failed"], **more}


def test_a_channel_is_added_tested_changed_and_deleted(
    app: FastAPI, ada: TestClient, web: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert ada.get(CHANNELS).json()["channels"] == []
    answers = [ada.post(CHANNELS, json=given(web.address()))]
    assert answers[0].status_code == 201, answers[0].text
    key = answers[0].json()["id"]
    answers.append(ada.post(f"{CHANNELS}/{key}/test"))
    assert answers[-1].json() == {"reason": None}
    assert web.texts == ["This is a test of the channel my chat: notices arrive here."]
    web.status = 403
    answers.append(ada.post(f"{CHANNELS}/{key}/test"))
    refused = "the server answered 403: the token or password is not (any more) right"
    assert answers[-1].json() == {"reason": refused}
    change = {"label": "ours", "kinds": ["mentioned", "disk"]}
    answers.append(ada.patch(f"{CHANNELS}/{key}", json=change))
    answers.append(ada.get(CHANNELS))
    (row,) = answers[-1].json()["channels"]
    assert (row["label"], row["kinds"], row["trouble"]) == ("ours", ["mentioned", "disk"], refused)
    assert row["shown"] == "json://127.0.0.1" and row["sent_at"] is not None
    with app.state.database.read() as session:
        trail = [f"{row.target} {row.detail}" for row in session.query(AuditRow)]
        stored = session.get_one(NoticeChannel, key).address
    places = [*(answer.text for answer in answers), *trail, stored, caplog.text]
    places += [
        path.read_bytes().decode("latin-1")
        for path in app.state.settings.home.rglob("*")
        if path.is_file()
    ]
    assert not [place[:200] for place in places if SECRET in place]
    assert ada.delete(f"{CHANNELS}/{key}").status_code == 204
    assert ada.get(CHANNELS).json()["channels"] == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        (f"json://ana:{SECRET}@10.1.2.3/", "LORAONE_NOTICE_NETWORKS"),
        (f"syslog://{SECRET}", "is refused: syslog is none of the services"),
        (f"https://{SECRET}.example.org/", "knows no such address"),
        (f"json://{SECRET}@127.0.0.1/?verify=no", "verify=no is refused"),
        (f"slack://{SECRET}", "no complete address of slack"),
        (SECRET * 300, "2000"),
        ({"deep": SECRET}, "string"),
    ],
)
def test_what_is_no_address_is_refused_and_not_repeated(
    ada: TestClient, address: Any, said: str
) -> None:
    answer = ada.post(CHANNELS, json=given(address))
    assert answer.status_code == 422 and said in answer.text, answer.text
    assert SECRET not in answer.text
    (problem,) = answer.json()["errors"]
    assert problem["path"].endswith("address")


def test_nobody_has_anothers(app: FastAPI, ada: TestClient, web: Receiver) -> None:
    key = ada.post(CHANNELS, json=given(web.address())).json()["id"]
    root = accounts.signed_in(app, accounts.person(app.state.database, "root", "administrator"))
    assert root.get(CHANNELS).json()["channels"] == []
    assert root.patch(f"{CHANNELS}/{key}", json={"label": "mine"}).status_code == 404
    assert root.post(f"{CHANNELS}/{key}/test").status_code == 404
    assert root.delete(f"{CHANNELS}/{key}").status_code == 404
    assert web.asked == 0
    token = accounts.with_token(app, 1, "admin")
    assert token.post(CHANNELS, json=given(web.address())).status_code == 403


def test_there_is_a_most_of_channels_and_of_tests(
    app: FastAPI, ada: TestClient, web: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "MOST", 1)
    key = ada.post(CHANNELS, json=given(web.address())).json()["id"]
    assert ada.post(CHANNELS, json=given(web.address())).status_code == 409
    monkeypatch.setattr(channels.outgoing, "AT_ONCE", 0)
    answer = ada.post(f"{CHANNELS}/{key}/test")
    assert answer.status_code == 429 and int(answer.headers["Retry-After"]) > 60
    assert web.asked == 0


def test_without_apprise_the_page_says_how_to_get_it_and_all_else_works(
    ada: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ada.get(CHANNELS).json()["missing"] is None
    monkeypatch.setattr(couriers, "find_spec", lambda name: None)
    assert "pip install 'loraone-lab[notices]'" in ada.get(CHANNELS).json()["missing"]
    answer = ada.post(CHANNELS, json=given("json://example.org"))
    assert answer.status_code == 503 and "loraone-lab[notices]" in answer.json()["detail"]
    assert ada.get("/api/notices").status_code == 200


def test_a_server_without_accounts_has_channels_of_its_user(
    tmp_path: Path, database_url: DatabaseUrl, web: Receiver
) -> None:
    home = tmp_path / "home"
    url = database_url(home)
    settings = Settings(home=home, user="solo", database_url=url, notice_networks="127.0.0.1")
    app = create_app(settings)
    client = TestClient(app, base_url="http://127.0.0.1:8111")
    assert client.get(CHANNELS).json()["channels"] == []
    assert client.post(CHANNELS, json=given(web.address(), kinds=["disk"])).status_code == 201
    with app.state.database.write() as session:
        app.state.scheduler._work.tell(session, "disk", "disk", "The disk fills up.")
        session.execute(update(NoticeToSend).values(due=now() - timedelta(seconds=1)))
    assert app.state.sender.send() == 1
    assert web.texts == ["The disk fills up."]
    assert client.get(CHANNELS).json()["channels"][0]["trouble"] is None
