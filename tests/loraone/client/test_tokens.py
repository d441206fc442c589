"""Access tokens: kept for one server, sent to no other, and written nowhere else."""

from __future__ import annotations

import logging
import stat
import traceback
from typing import Any

import pytest

from loraone import Client
from loraone.client import ClientError, UnreachableError, tokens

TOKEN = "loraone_Kq3vR8sT1uW5xY9zA2bC4dE6fG7hJ0kL"


def test_a_token_is_kept_for_its_server_in_a_file_for_its_owner_alone() -> None:
    tokens.keep("https://a.example", tokens.checked(TOKEN))
    tokens.keep("https://b.example", tokens.checked("loraone_other"))
    assert stat.S_IMODE(tokens.file().stat().st_mode) == 0o600
    assert [*tokens.file().parent.iterdir()] == [tokens.file()]
    found = tokens.token_of("https://a.example")
    assert found is not None
    assert found.get_secret_value() == TOKEN
    assert tokens.token_of("https://c.example") is None
    assert tokens.token_of("http://a.example") is None, "another scheme is another server"
    assert tokens.usual_server() == "https://b.example"
    assert tokens.forget("https://b.example")
    assert not tokens.forget("https://b.example")
    assert tokens.usual_server() == "https://a.example"


def test_a_file_that_others_could_read_is_written_anew_for_its_owner_alone() -> None:
    tokens.keep("https://a.example", tokens.checked(TOKEN))
    tokens.file().chmod(0o644)
    tokens.keep("https://b.example", tokens.checked(TOKEN))
    assert stat.S_IMODE(tokens.file().stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", '{"https://a": 3}', "\xff"])
def test_a_file_that_is_not_ours_is_named_and_not_repeated(content: str) -> None:
    tokens.file().parent.mkdir(parents=True)
    tokens.file().write_text(content, encoding="latin-1")
    with pytest.raises(ClientError, match=r"tokens\.json"):
        tokens.kept()


def test_variables_go_before_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.keep("https://a.example", tokens.checked("loraone_kept"))
    monkeypatch.setenv("LORAONE_TOKEN", TOKEN)
    assert revealed("https://a.example") == TOKEN
    monkeypatch.setenv("LORAONE_SERVER", "https://B.example/")
    assert tokens.usual_server() == "https://b.example"
    assert revealed("https://b.example") == TOKEN
    assert revealed("https://a.example") == "loraone_kept", "it is for the server that is named"
    assert tokens.token_of("https://c.example") is None


def revealed(url: str) -> str | None:
    found = tokens.token_of(url)
    return None if found is None else found.get_secret_value()


def test_without_any_server_one_is_told_what_to_do() -> None:
    with pytest.raises(ClientError, match="no server is named") as caught:
        Client()
    assert "loraone login" in str(caught.value.hint)


def test_a_token_is_sent_in_a_header_alone_and_to_no_server_that_is_redirected_to(
    new_impostor: Any,
) -> None:
    first, other = new_impostor(), new_impostor()
    first.says("/api/experiments", {"experiments": []})
    first.says("/api/queue", b"", 307, Location=f"{other.url}/api/queue")
    client = Client(first.url, TOKEN)
    client.experiments()
    with pytest.raises(ClientError, match=f"sends to '{other.url}/api/queue'"):
        client.queue()
    assert other.asked == []
    asked = [(path, headers) for path, headers in first.asked if path != "/api/health"]
    assert asked[0][1]["Authorization"] == f"Bearer {TOKEN}"
    assert not any(TOKEN in path for path, _ in first.asked)


def test_a_token_is_in_no_error_log_or_text(
    new_impostor: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    impostor = new_impostor()
    impostor.says("/api/queue", {"detail": "no", "title": "", "status": 401}, 401)
    client = Client(impostor.url, TOKEN)
    said = [repr(client), str(vars(client)), str(vars(client._connection))]
    for each in (client, Client("http://127.0.0.1:9", TOKEN)):
        with pytest.raises((ClientError, UnreachableError)) as caught:
            each.queue()
        said += traceback.format_exception(caught.value)
    with pytest.raises(ClientError) as wrong:
        Client(impostor.url, f"{TOKEN} with more")
    said += traceback.format_exception(wrong.value)
    assert not any(TOKEN in text for text in [*said, caplog.text])


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "ä", "x" * 501])
def test_what_is_no_token_is_refused_before_it_is_sent(token: str) -> None:
    with pytest.raises(ClientError, match="no access token") as caught:
        Client("http://127.0.0.1:9", token)
    assert token.strip() == "" or token not in str(caught.value)


def test_an_address_with_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(ClientError) as caught:
        Client("https://me:geheim@lab.example.org")
    assert "geheim" not in f"{caught.value} {caught.value.as_dict()}"
