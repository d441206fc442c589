"""Names that read alike are one name, and everybody may choose another for themselves."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from fastapi import FastAPI

from backend.people import registry
from backend.storage.database import MIGRATIONS, Database
from backend.storage.tables import AuditRow, Person
from tests.backend.people import accounts

ALIKE = [("ÄNNE", "änne"), ("Straße", "STRASSE"), ("ﬁona", "Fiona"), ("ΣΊΣΥΦΟΣ", "σίσυφος")]
SPEC = {"task": "teacher-student", "methods": ["lora"], "grid": {"ranks": [2]}}
SPEC |= {"problem": {"inputs": 8, "outputs": 6, "samples": 32, "true_rank": 2}}


@pytest.mark.parametrize(("name", "typed"), ALIKE)
def test_who_reads_the_same_is_the_same(local_app: FastAPI, name: str, typed: str) -> None:
    key = accounts.with_password(local_app, name, "viewer")
    with local_app.state.database.read() as session:
        found = registry.find(session, typed)
        assert found is not None
        assert found.id == key
        assert registry.find(session, typed + "x") is None
    assert accounts.sign_in(accounts.browser(local_app), typed) == 200


@pytest.mark.parametrize(("name", "typed"), ALIKE)
def test_nobody_takes_a_name_that_reads_like_anothers(
    local_app: FastAPI, name: str, typed: str
) -> None:
    accounts.person(local_app.state.database, name, "viewer")
    bob = accounts.signed_in(local_app, accounts.person(local_app.state.database, "bob", "editor"))
    answer = bob.put("/api/me/name", json={"name": typed})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["message"] == f"is taken by {name}"


def test_people_who_were_two_before_stay_two(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'loraone.db'}"
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        for name in ("ÄNNE", "änne", "Bob"):
            connection.execute(
                sa.text(
                    "INSERT INTO people (name, source, role, disabled, created_at) "
                    "VALUES (:name, 'local', 'viewer', 0, :at)"
                ),
                {"name": name, "at": datetime.now(UTC).isoformat(" ")},
            )
    engine.dispose()
    database = Database(url)
    database.migrate()
    with database.read() as session:
        typed = {"ÄNNE": 1, "änne": 2, "Änne": 1, "BOB": 3}
        for name, key in typed.items():
            found = registry.find(session, name)
            assert found is not None
            assert found.id == key, name


@pytest.mark.parametrize("role", ["viewer", "editor"])
def test_one_gives_oneself_another_name_also_where_it_stands(
    local_app: FastAPI, role: accounts.Role
) -> None:
    database = local_app.state.database
    key = accounts.person(database, "ada", "editor")
    ada = accounts.signed_in(local_app, key)
    assert ada.post("/api/experiments", json=SPEC).status_code == 201
    with database.write() as session:
        session.get_one(Person, key).role = role
    local_app.state.callers.forget()
    assert ada.put("/api/me/name", json={"name": "  Ada   Lovelace "}).status_code == 204
    assert accounts.who(ada) == "Ada Lovelace"
    assert ada.get("/api/experiments/1").json()["author"] == "Ada Lovelace"
    with database.read() as session:
        last = session.query(AuditRow).order_by(AuditRow.id.desc()).first()
        assert (last.action, last.target, last.person_id) == (
            "person renamed",
            "person 1 (ada)",
            key,
        )
    # In other letters it is still theirs, and what they were called is free.
    assert ada.put("/api/me/name", json={"name": "ADA LOVELACE"}).status_code == 204
    accounts.person(database, "ada", "viewer")


def test_a_token_renames_nobody_and_a_wrong_name_is_refused(local_app: FastAPI) -> None:
    key = accounts.person(local_app.state.database, "ada", "editor")
    program = accounts.with_token(local_app, key, "admin")
    assert program.put("/api/me/name", json={"name": "eve"}).status_code == 403
    ada = accounts.signed_in(local_app, key)
    chief = accounts.person(local_app.state.database, "root", "administrator")
    root = accounts.signed_in(local_app, chief)
    for name in ("", " ", "\u3000", "a" * 101, "\ufdfa" * 50, "a\u0000b"):
        for ask, path in ((ada.put, "me/name"), (root.patch, f"people/{key}")):
            assert ask(f"/api/{path}", json={"name": name}).status_code == 422, (path, name)
