"""schemathesis over all routes of a server with accounts, as everybody who may come: whatever they
send, no mistake and nothing undocumented; and those who may only read change nothing.

``LORAONE_FUZZ_SEED`` and ``LORAONE_FUZZ_SECONDS`` as in ``test_schemathesis.py``.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.people.roles import RIGHTS, ROLES
from backend.settings import Settings
from backend.storage.tables import Experiment, Person
from backend.storage.tables import Role as RoleName
from backend.web.app import create_app
from benchmarks.history import seed
from tests.backend.people import accounts
from tests.backend.web import fuzz_roles, fuzzed
from tests.backend.web.conftest import Served
from tests.backend.web.fuzz_roles import Role
from tests.backend.web.fuzzing import Server

READING = ("nobody", "a guest", "viewer", "a token to read")
WRITING = ("editor", "administrator", "a token to launch", "a token to admin")
FIRST = fuzz_roles.THEIRS.start
# Others of each role, for what ends the sign-in that it was sent with.
SPARE = 12
# What is written down of whoever looks, and failed sign-ins; and what is a person's own.
LOGGED = ("audit", "attempts", "changes", "sqlite_sequence")
SEEN = {"people": ("seen_at",)}
OWN = ("sign_ins", "access_tokens", "notices", "notice_choices", "notice_channels")

Rows = dict[str, Counter[tuple[Any, ...]]]


@dataclass
class Team(Server):
    """A server with everybody who may come to it."""

    home: Path
    roles: dict[str, Role]

    def fuzz_as(self, names: tuple[str, ...], folder: Path) -> None:
        """Ask all routes as each of these, one after the other."""
        asking = [self.roles[name] for name in names]
        before = [self.who(role) for role in asking]
        fuzz_roles.write(folder / "roles", asking)
        sent = self.fuzz(
            "fuzzing",
            folder,
            seconds=10,
            checks=fuzz_roles.CHECK,
            **{fuzz_roles.AS: str(folder / "roles"), "SCHEMATHESIS_HOOKS": fuzz_roles.__name__},
        )
        for role in asking:
            answers = [one.status for one in sent if one.role == role.name]
            print(f"{role.name}: {sorted(Counter(answers).items())}")
            assert answers, role.name  # on a busy machine they are few
        assert [self.who(role) for role in asking] == before, "who they are ends by none of it"

    def who(self, role: Role) -> Any:
        """What the server says of whoever asks."""
        found = self.served.http.get("/api/me", headers=role.headers).json()
        return found["person"] and (found["person"]["id"], found["person"]["role"])

    def stored(self) -> Rows:
        """All rows of all tables, but for what is written down of whoever looks, and what is of
        their own account."""
        found: Rows = {}
        with closing(sqlite3.connect(f"file:{self.home}/loraone.db?mode=ro", uri=True)) as file:
            names = file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                if name in LOGGED:
                    continue
                whose = {"people": "id"} | dict.fromkeys(OWN, "person_id")
                others = f" WHERE {whose[name]} < {FIRST}" if name in whose else ""
                cursor = file.execute(f'SELECT * FROM "{name}"{others}')
                columns = [column for column, *_ in cursor.description]
                kept = [i for i, column in enumerate(columns) if column not in SEEN.get(name, ())]
                found[name] = Counter(tuple(row[i] for i in kept) for row in cursor)
        return found


def headers_of(client: TestClient) -> dict[str, str]:
    """What a client says of who it is."""
    said = {"Cookie": accounts.cookies(client)["Cookie"]} if client.cookies else {}
    names = ("Authorization", "Sec-Fetch-Site")
    return said | {name: client.headers[name] for name in names if name in client.headers}


def at_port(app: FastAPI, served: Served, role: Role) -> Role:
    """A role with its cookies called as those of the server on its port."""
    of_test, of_port = (
        app.state.callers.cookie(host) for host in (accounts.HOST, f"127.0.0.1:{served.address[1]}")
    )
    first, *others = (
        {**said, "Cookie": said["Cookie"].replace(of_test, of_port)} if "Cookie" in said else said
        for said in (role.headers, *role.spare)
    )
    return Role(role.name, first, others)


def somebody(app: FastAPI, role: RoleName, key: int) -> int:
    """An account with this number."""
    with app.state.database.write() as session:
        session.add(Person(id=key, name=f"{role} {key}", role=role, source="local"))
    return key


def everybody(app: FastAPI) -> dict[str, Role]:
    """Whoever may come, but for the guest."""
    found = {"nobody": Role("nobody", {}, [])}
    for i, role in enumerate(ROLES):
        first, *others = (
            headers_of(accounts.signed_in(app, somebody(app, role, FIRST + 100 * i + j)))
            for j in range(1 + SPARE)
        )
        found[role] = Role(role, first, others)
    for scope in RIGHTS:
        name = f"a token to {scope}"
        owner = somebody(app, "administrator", FIRST + 1000 + RIGHTS.index(scope))
        found[name] = Role(name, headers_of(accounts.with_token(app, owner, scope)), [])
    return found


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    folder = tmp_path_factory.mktemp("roles")
    app = create_app(Settings(home=folder / "home", auth="local"))
    seed(app, runs=20, per_experiment=5)
    roles = everybody(app)
    with app.state.database.write() as session:
        for key, owner in ((1, FIRST + 100), (2, FIRST + 200), (3, FIRST)):
            session.get_one(Experiment, key).owner_id = owner
        session.get_one(Experiment, 2).private = True
        session.add(Person(name="ana", role="viewer", source="local"))
    app.state.database.close()
    served = Served(
        folder / "home", module=fuzzed.__name__, LORAONE_READERS="1", LORAONE_AUTH="local"
    )
    roles = {name: at_port(app, served, role) for name, role in roles.items()}
    editor = roles["editor"].headers
    made = {}
    for method, path, body in (
        ("POST", "/api/experiments/1/notes", {"text": "# What it is about", "base": 0}),
        ("POST", "/api/experiments/1/comments", {"text": "Look, @ana"}),
        ("POST", "/api/views", {"name": "mine", "query": "method:lora lr>1e-4"}),
        ("POST", "/api/experiments", {"task": "teacher-student", "methods": ["lora"]}),
        ("DELETE", "/api/experiments/5", None),
        ("POST", "/api/shares", {"of": ["e1"], "view": "/compare"}),
    ):
        answer = served.http.request(method, path, json=body, headers=editor)
        assert answer.is_success, answer.text
        made = answer.json()
    # The first figure takes long where the machine is busy.
    figure = "/api/figures/curves?of=e1"
    served.http.get(figure, headers=editor, timeout=120).raise_for_status()
    roles["a guest"] = Role("a guest", {"Authorization": f"Share {made['secret']}"}, [])
    yield Team(served, folder / "sent", folder / "home", roles)
    served.stop()


@pytest.mark.sqlite
def test_whoever_may_only_read_changes_nothing_whatever_they_send(
    team: Team, tmp_path: Path
) -> None:
    before = team.stored()
    assert sum(map(Counter.total, before.values())) > 1000
    team.fuzz_as(READING, tmp_path)
    after = team.stored()
    changed = {name: (before[name] - after[name], after[name] - before[name]) for name in before}
    assert {name: rows for name, rows in changed.items() if any(rows)} == {}


@pytest.mark.sqlite
def test_whoever_may_change_something_has_no_answer_that_is_not_documented(
    team: Team, tmp_path: Path
) -> None:
    team.fuzz_as(WRITING, tmp_path)


@pytest.mark.sqlite
def test_no_answer_to_anybody_is_slow_twice_and_none_was_a_mistake(team: Team) -> None:
    team.check_quick()
