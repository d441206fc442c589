"""What people and programs come with is nowhere but where it was given: no log, file, or answer."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.exc import DBAPIError

from backend.storage.tables import Person
from tests.backend.people import accounts
from tests.backend.web.conftest import Served

SPEC = {"task": "teacher-student", "methods": ["lora"]}
FIRST, SECOND, WRONG = "gable-otter-plinth", "quince-lantern-brook", "mallow-tin-harbour"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with accounts."""
    server = Served(tmp_path / "home", LORAONE_AUTH="local")
    yield server
    if server.process.poll() is None:
        server.stop()


def use(server: Served) -> tuple[dict[str, str], list[str]]:
    """All that a team does on its first day: its secrets by what they are, and what was said."""
    while not (match := re.search(r"http://\S+/invitation#(\S+)", server.log)):
        pass
    http, program = server.http, httpx.Client(base_url=server.url, timeout=20)
    http.headers["Sec-Fetch-Site"] = "same-origin"
    secrets = {"link": match[1], "first password": FIRST, "second password": SECOND, "wrong": WRONG}
    said: list[str] = []

    def ask(
        method: str, path: str, body: object = None, client: httpx.Client = http
    ) -> httpx.Response:
        answer = client.request(method, f"/api/{path}", json=body)
        said.append(answer.text)
        return answer

    made = {"secret": match[1], "name": "ana", "password": FIRST}
    assert ask("POST", "invitations/look", {"secret": match[1]}).status_code == 200
    assert ask("POST", "invitations/accept", made | {"password": "short"}).status_code == 422
    assert ask("POST", "invitations/accept", made).status_code == 200
    assert ask("POST", "invitations/accept", made).status_code == 404
    secrets["first cookie"] = _cookie(http)
    assert ask("POST", "sign-in", {"name": "ana", "password": WRONG}).status_code == 401
    assert ask("POST", "sign-in", {"name": WRONG, "password": FIRST}).status_code == 401
    assert ask("POST", "sign-in", {"name": "ana", "password": FIRST}).status_code == 200
    secrets["second cookie"] = _cookie(http)
    changed = {"current": FIRST, "new": SECOND}
    assert ask("POST", "me/password", changed | {"new": WRONG * 20}).status_code == 422
    assert ask("POST", "me/password", changed).status_code == 204
    secrets["third cookie"] = _cookie(http)
    token = http.post("/api/tokens", json={"name": "t", "scope": "admin"}).json()["secret"]
    secrets["token"] = token
    program.headers["Authorization"] = f"Bearer {token}"
    for body in (SPEC, SPEC | {"task": 5}, {}):
        ask("POST", "experiments", body, program)
    reset = http.post("/api/people/invite", json={}).json()["link"]
    secrets["second link"] = reset.partition("#")[2]
    program.post("/api/sign-in", content=f'{{"password": "{SECOND}", "password": 1}}')
    for path in ("server", "people", "invitations", "tokens", "me", "me/sign-ins", "audit"):
        assert ask("GET", path).status_code == 200
    for path in ("audit/file", "experiments/1/export.json", "experiments/1/report.html"):
        assert ask("GET", path, client=program).status_code == 200
    program.headers["Authorization"] = f"Bearer {token}x"
    ask("GET", "people", client=program)
    program.close()
    return secrets, said


def test_no_secret_is_in_a_log_an_answer_an_export_a_backup_or_a_file(
    served: Served, tmp_path: Path
) -> None:
    secrets, said = use(served)
    tar = tmp_path / "all.tar"
    command = [sys.executable, "-m", "backend.cli", "backup", "--output", str(tar)]
    written = subprocess.run(
        [*command, "--home", str(served.home)], capture_output=True, text=True, check=True
    )
    assert "hashes of passwords, sessions and tokens of 1 accounts" in " ".join(
        written.stderr.split()
    )
    served.stop()
    log = served.log.replace(f"#{secrets['link']}", "#…")  # where it was given
    files = [path for path in served.home.rglob("*") if path.is_file()]
    assert {"loraone.db"} <= {path.name for path in files}
    places = {str(path): path.read_bytes() for path in (*files, tar)}
    places |= {f"answer {i}": text.encode() for i, text in enumerate(said)}
    places["log"] = log.encode()
    found = [
        f"{what} in {where}"
        for where, content in places.items()
        for what, secret in secrets.items()
        if secret.encode() in content
    ]
    assert not found


def test_a_statement_that_fails_does_not_tell_what_it_was_given(local_app: FastAPI) -> None:
    accounts.with_password(local_app, "ana", "viewer")
    with pytest.raises(DBAPIError) as caught, local_app.state.database.write() as session:
        session.add(Person(name="ana", password="a-hash-of-something"))
    assert "a-hash-of-something" not in str(caught.value)


def _cookie(client: httpx.Client) -> str:
    """The secret of the session, whatever its cookie is called."""
    (value,) = [value for name, value in client.cookies.items() if name.startswith("loraone")]
    return value
