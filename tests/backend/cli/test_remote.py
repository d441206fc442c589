"""The commands that ask a server, as somebody types them; and whose token they come with."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from typer.testing import CliRunner, Result

from backend.cli.commands import app
from backend.storage.tables import Role
from loraone import Client, __version__
from loraone.client import tokens
from tests.loraone.client.conftest import (
    SYNTHETIC,
    Lab,
    _nothing_kept,
    lab,
    new_impostor,
    new_process,
)

# The same as of the tests of the client.
__all__ = ["_nothing_kept", "lab", "new_impostor", "new_process"]


class Invoke(Protocol):
    """Runs a command with the token of somebody of this role."""

    def __call__(self, *words: str, role: Role = "editor", given: str | None = None) -> Result: ...


@pytest.fixture
def spec_file(tmp_path: Path) -> str:
    file = tmp_path / "größe.yaml"
    file.write_text(yaml.safe_dump(SYNTHETIC, allow_unicode=True), encoding="utf-8")
    return str(file)


@pytest.fixture
def invoke(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    def run(*words: str, role: Role = "editor", given: str | None = None) -> Result:
        monkeypatch.setenv("LORAONE_SERVER", lab.url)
        monkeypatch.setenv("LORAONE_TOKEN", lab.tokens[role])
        return CliRunner().invoke(app, words, input=given)

    return run


def test_launch_prints_the_address_and_watch_says_what_came_of_it(
    invoke: Invoke, spec_file: str, lab: Lab
) -> None:
    launched = invoke("launch", spec_file, "--watch")
    assert launched.exit_code == 0, launched.stderr
    url = launched.stdout.strip()
    assert url.startswith(f"{lab.url}/experiments/")
    assert "2 of 2 runs succeeded" in launched.stderr
    number = url.rpartition("/")[2]
    watched = invoke("watch", number, "--server", lab.url, role="viewer")
    assert watched.exit_code == 0
    assert f"2 of 2 runs succeeded: {url}" in watched.stderr.replace("\n", "")


def test_what_was_cancelled_did_not_succeed(invoke: Invoke, lab: Lab) -> None:
    with lab.paused():
        launched = invoke("launch", "-", "--private", given=yaml.safe_dump(SYNTHETIC))
        assert launched.exit_code == 0, launched.stderr
        experiment = lab.client().experiment(int(launched.stdout.strip().rpartition("/")[2]))
        assert experiment.detail.private
        experiment.cancel()
    watched = invoke("watch", str(experiment.id))
    assert watched.exit_code == 1
    assert "0 of 2 runs succeeded" in watched.stderr


def test_a_quota_that_a_launch_is_beyond_is_a_sentence(
    invoke: Invoke, spec_file: str, lab: Lab
) -> None:
    with lab.editors_quotas(runs=1):
        refused = invoke("launch", spec_file, "--server", lab.url)
    assert (refused.exit_code, refused.stdout) == (2, "")
    said = " ".join(refused.stderr.split())
    assert "queued runs, and 2 more are too many; allowed: up to 1" in said
    assert "wait until some have ended, or cancel some" in said


@pytest.mark.parametrize(
    ("words", "role", "said"),
    [
        (["watch", "999999"], "editor", "experiment 999999"),
        (["watch", "1", "--server", "nowhere"], "editor", "https://host"),
        (["watch", "1", "--server", "http://127.0.0.1:9"], "editor", "cannot be reached"),
        (["launch", "-"], "viewer", "'launch'"),
        (["launch", "none.yaml"], "editor", "none.yaml"),
    ],
)
def test_what_a_server_refuses_is_a_sentence(
    invoke: Invoke, words: list[str], role: Role, said: str
) -> None:
    refused = invoke(*words, role=role, given=yaml.safe_dump(SYNTHETIC))
    assert refused.exit_code == 2
    assert said in refused.stderr.replace("\n", " ")
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr


def test_every_wrong_field_has_a_line(invoke: Invoke) -> None:
    wrong = {**SYNTHETIC, "grid": {"ranks": [0], "learning_rates": [-1]}}
    refused = invoke("launch", "-", given=yaml.safe_dump(wrong))
    assert refused.exit_code == 2
    for line in ("grid.ranks.0 = 0", "grid.learning_rates.0 = -1"):
        assert line in refused.stderr
    twice = invoke("launch", "-", given="name: a\nname: b\n")
    assert twice.exit_code == 2
    assert "named 2 times" in twice.stderr


def test_the_server_of_the_last_login_is_asked_where_none_is_named(lab: Lab) -> None:
    tokens.keep(lab.url, tokens.checked(lab.tokens["viewer"]))
    refused = CliRunner().invoke(app, ["watch", "999999"])
    assert "experiment 999999" in refused.stderr


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")


def run(*words: str, given: str = "") -> Result:
    return CliRunner().invoke(app, words, input=given)


def test_a_token_that_the_server_knows_is_kept_and_used_from_then_on(lab: Lab) -> None:
    done = run("login", f"{lab.url}/", given=f"{lab.tokens['editor']}\n")
    assert done.exit_code == 0, done.stderr
    assert f"Åsa Öberg (editor) at {lab.url} may read, launch" in done.stderr
    assert lab.tokens["editor"] not in done.output
    assert stat.S_IMODE(tokens.file().stat().st_mode) == 0o600
    with Client() as client:
        assert client.url == lab.url
        me = client.me()
        assert me is not None
        assert (me.name, me.role, me.way) == ("Åsa Öberg", "editor", "token")
    out = run("logout")
    assert out.exit_code == 0
    assert "kept no longer" in out.stderr
    assert tokens.kept() == {}
    assert run("logout", lab.url).exit_code == 2


@pytest.mark.parametrize(
    ("given", "said"), [("loraone_wrong\n", "knows nobody"), ("\n", "no access token"), ("", "no")]
)
def test_a_token_that_nobody_knows_is_not_kept(lab: Lab, given: str, said: str) -> None:
    refused = run("login", lab.url, given=given)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert "wrong" not in refused.output
    assert not tokens.file().exists()
    assert Client(lab.url).me() is None


def test_a_server_that_is_not_there_or_needs_none_has_no_token_kept(new_impostor: Any) -> None:
    refused = run("login", "http://127.0.0.1:9", given="loraone_x\n")
    assert refused.exit_code == 2
    assert "cannot be reached" in refused.stderr
    impostor = new_impostor()
    person = {"id": None, "name": "me", "role": "administrator", "rights": ["read"]}
    person |= {"way": "here", "colour": "#000", "password": False}
    answer = {"person": person, "auth": "none", "sign_in_needed": False}
    answer |= {"administrator_exists": True, "public_url": None, "button": None}
    impostor.says("/api/me", answer)
    done = run("login", impostor.url, given="loraone_x\n")
    assert done.exit_code == 0
    assert "needs no token" in done.stderr
    assert not tokens.file().exists()


def test_a_warning_of_another_version_is_a_line(new_impostor: Any) -> None:
    impostor = new_impostor(version="7.0.0")
    refused = run("login", impostor.url, given="loraone_x\n")
    assert f"warning: {impostor.url} has version 7.0.0, this package is {__version__}" in (
        refused.stderr
    )


def test_no_file_of_a_users_own_folder_was_touched(tmp_path: Path) -> None:
    assert tmp_path in tokens.file().parents
