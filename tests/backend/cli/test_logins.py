"""``loraone login`` keeps a token that the server knows, and nothing else."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from backend.cli import app
from loraone import Client, __version__
from loraone.client import tokens
from tests.loraone.client.conftest import Lab, _nothing_kept, lab, new_impostor, new_process

__all__ = ["_nothing_kept", "lab", "new_impostor", "new_process"]


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
