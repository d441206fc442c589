"""``loraone user``: accounts from the command line, with and without a server beside it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from typer.testing import CliRunner

from backend.cli.commands import app as commands
from backend.people import registry
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import experiments
from backend.storage.tables import AuditRow, Person
from loraone.spec.experiment import ExperimentSpec
from tests.backend.people import accounts
from tests.backend.people.accounts import nobody, sign_in

SPEC = ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"]})


def user(app: FastAPI, *arguments: str) -> Any:
    """What a command says on the database of ``app``."""
    settings = app.state.settings
    environment = {"LORAONE_HOME": str(settings.home), "LORAONE_DATABASE_URL": settings.url}
    return CliRunner().invoke(commands, ["user", *arguments], env=environment)


def secret(found: Any) -> str:
    """Of the link that was printed, alone on standard output."""
    assert found.exit_code == 0, found.output
    assert found.stdout.startswith("http://127.0.0.1:8111/invitation#")
    return str(found.stdout.strip().partition("#")[2])


def accept(app: FastAPI, link: str) -> int:
    """The status of following a link."""
    body = {"secret": link, "password": accounts.PASSWORD}
    return nobody(app).post("/api/invitations/accept", json=body).status_code


def test_a_link_that_the_command_prints_makes_an_account(local_app: FastAPI) -> None:
    link = secret(user(local_app, "add", "ana", "--role", "administrator"))
    assert accept(local_app, link) == 200
    assert sign_in(nobody(local_app), "ana") == 200
    again = user(local_app, "add", "Ana")
    assert again.exit_code == 2
    assert "ana has an account already" in again.stderr


@pytest.mark.parametrize("name", [" ", "\u3164", "\u200b", "a" * 101])
def test_a_name_that_is_none_makes_no_account(local_app: FastAPI, name: str) -> None:
    found = user(local_app, "add", name)
    assert found.exit_code == 2
    said = "".join(found.stderr.split())
    assert f"thename{name!r}".replace(" ", "") in said
    assert "allowed:1to100charactersthatcanbeseen,ononeline" in said


def test_people_are_listed(local_app: FastAPI) -> None:
    accounts.with_password(local_app, "root", "administrator")
    accounts.person(local_app.state.database, "eve", "editor")
    with local_app.state.database.write() as session:
        lab = registry.named(session, "lab")
        experiments.create(session, SPEC, "lab", lab.id)
    found = user(local_app, "list")
    lines = [line.split() for line in found.stdout.splitlines()[1:]]
    assert lines == [
        ["eve", "editor", "no", "password", "0"],
        ["lab", "none", "1"],
        ["root", "administrator", "local", "0"],
    ]
    assert "argon2" not in found.output


def test_roles_shutting_out_and_letting_in_again(local_app: FastAPI) -> None:
    accounts.with_password(local_app, "root", "administrator")
    key = accounts.with_password(local_app, "eve", "viewer")
    assert user(local_app, "role", "eve", "editor").exit_code == 0
    with local_app.state.database.read() as session:
        assert session.get_one(Person, key).role == "editor"
    assert user(local_app, "disable", "eve").exit_code == 0
    assert sign_in(nobody(local_app), "eve") == 401
    assert user(local_app, "enable", "eve").exit_code == 0
    assert sign_in(nobody(local_app), "eve") == 200
    for arguments in (["role", "root", "viewer"], ["disable", "root"]):
        found = user(local_app, *arguments)
        assert found.exit_code == 2
        assert "root is the last administrator" in found.stderr
    found = user(local_app, "disable", "nobody")
    assert found.exit_code == 2
    assert "there is nobody named 'nobody'; there are: eve, root" in found.stderr.replace("\n", " ")


def test_a_forgotten_password_is_set_anew(local_app: FastAPI) -> None:
    key = accounts.with_password(local_app, "root", "administrator")
    browser = accounts.signed_in(local_app, key)
    link = secret(user(local_app, "reset", "root"))
    local_app.state.callers.forget()  # another process knows within seconds
    assert browser.get("/api/people").status_code == 401
    assert sign_in(nobody(local_app), "root") == 401
    assert accept(local_app, link) == 200


def test_what_was_launched_under_a_name_is_claimed(local_app: FastAPI) -> None:
    key = accounts.with_password(local_app, "root", "administrator")
    with local_app.state.database.write() as session:
        lab = registry.named(session, "lab")
        experiment = experiments.create(session, SPEC, "lab", lab.id)
    found = user(local_app, "claim", "root", "lab")
    assert found.exit_code == 0
    assert "1 experiments, 0 versions of notes and 0 saved searches are root's" in found.stderr
    with local_app.state.database.read() as session:
        row = experiments.get(session, experiment.id)
        assert row is not None
        assert (row.owner_id, row.author) == (key, "root")


def quota(app: FastAPI, *arguments: str) -> dict[str, str]:
    """What a command says of somebody, by what there is so much of."""
    found = user(app, "quota", *arguments)
    assert found.exit_code == 0, found.output
    rows = [re.split(r" {2,}", line) for line in found.stdout.splitlines()[1:]]
    return {words: " ".join(rest) for words, *rest in rows}


def test_quotas_are_set_shown_and_given_back_to_the_settings(local_app: FastAPI) -> None:
    key = accounts.person(local_app.state.database, "eve", "editor")
    with local_app.state.database.write() as session:
        experiments.create(session, SPEC, "eve", key)
    assert quota(local_app, "eve") == {
        "queued runs": "1 any", "GB on the disk": "0 any", "lane hours this week": "0 any",
    }  # fmt: skip
    said = quota(local_app, "eve", "--runs", "5", "--disk", "1.5")
    assert said["queued runs"] == "1 5 set for this person"
    assert said["GB on the disk"] == "0 1.5 set for this person"
    assert quota(local_app, "eve", "--lane-hours", "0")["queued runs"].startswith("1 5")
    said = quota(local_app, "eve", "--default", "--disk", "2")
    assert said["queued runs"] == "1 any"
    assert said["GB on the disk"] == "0 2 set for this person"
    assert said["lane hours this week"] == "0 any"
    browser = accounts.signed_in(local_app, key)
    assert browser.get(f"/api/people/{key}/quotas").json()[1]["allowed"] == 2
    with local_app.state.database.read() as session:
        rows = session.query(AuditRow).filter(AuditRow.action == "quotas set").all()
        assert [(row.target, row.detail) for row in rows] == [
            (f"person {key} (eve)", "runs 5, disk gb 1.5"),
            (f"person {key} (eve)", "runs 5, disk gb 1.5, lane hours 0"),
            (f"person {key} (eve)", "disk gb 2"),
        ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eve", "--runs", "-1"], "'--runs': Input should be greater than or equal to 0"),
        (["eve", "--disk", "1e7"], "'--disk': Input should be less than or equal to 1000000"),
        (["eve", "--lane-hours", "nan"], "'--lane-hours': Input should be less than"),
        (["eve", "--runs", "many"], "'--runs': Input should be a valid integer"),
        (["nobody"], "there is nobody named 'nobody'"),
    ],
)
def test_quotas_that_are_none_are_refused(
    local_app: FastAPI, arguments: list[str], said: str
) -> None:
    key = accounts.person(local_app.state.database, "eve", "editor")
    found = user(local_app, "quota", *arguments)
    assert found.exit_code == 2
    assert said in " ".join(found.stderr.split())
    with local_app.state.database.read() as session:
        assert session.get_one(Person, key).quota_lane_hours is None


def test_what_was_done_there_is_in_the_audit_trail(local_app: FastAPI) -> None:
    user(local_app, "add", "ana")
    with local_app.state.database.read() as session:
        (row,) = session.query(AuditRow)
        assert (row.action, row.address, row.person_id) == ("link made", "console", None)
        assert row.name == local_app.state.settings.user


@pytest.mark.sqlite
def test_the_first_account_can_be_made_before_the_first_start(tmp_path: Path) -> None:
    environment = {"LORAONE_HOME": str(tmp_path / "new")}
    arguments = ["user", "add", "ana", "--role", "administrator"]
    assert CliRunner().invoke(commands, arguments, env=environment).exit_code == 0
    database = Database(Settings(home=tmp_path / "new").url)
    with database.read() as session:
        assert [row.name for row in session.query(Person)] == ["ana"]
    database.close()


def test_a_password_is_asked_for_on_a_terminal_and_shown_nowhere(local_app: FastAPI) -> None:
    found = user(local_app, "add", "ana", "--password")
    assert found.exit_code == 2
    assert "asks on a terminal, and there is none" in found.stderr
    settings = local_app.state.settings
    environment = {
        **os.environ,
        "LORAONE_HOME": str(settings.home),
        "LORAONE_DATABASE_URL": settings.url,
    }
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "backend.cli", "user", "add", "ana", "--password"]
    process = subprocess.Popen(
        command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    said = b""
    for prompt in (b"Password: ", b"confirmation: "):
        while not said.endswith(prompt):
            said += os.read(ours, 1000)
        os.write(ours, accounts.PASSWORD.encode() + b"\n")
    assert process.wait(30) == 0
    said += os.read(ours, 1000)
    os.close(ours)
    assert accounts.PASSWORD.encode() not in said
    assert sign_in(nobody(local_app), "ana") == 200
