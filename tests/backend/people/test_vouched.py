"""People whom somebody vouches for: who they are, and which role they have by that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from backend.people import names
from backend.people.vouched import Vouched, person_of
from backend.settings import Settings, sentences
from backend.storage.database import Database
from backend.storage.tables import Person
from tests.conftest import DatabaseUrl


@pytest.fixture
def database(tmp_path: Path, database_url: DatabaseUrl) -> Iterator[Database]:
    made = Database(database_url(tmp_path))
    made.migrate()
    yield made
    made.close()


def _settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(home=tmp_path, auth="proxy", trusted_proxies="127.0.0.1", **given)


def _came(database: Database, settings: Settings, said: Vouched) -> tuple[int, str, str]:
    with database.write() as session:
        person = person_of(session, settings, said)
        return person.id, person.name, person.role


def test_somebody_is_the_same_person_each_time_whatever_they_are_called(
    database: Database, tmp_path: Path
) -> None:
    settings = _settings(tmp_path)
    first = _came(database, settings, Vouched("oidc", "sub-1", "Ada"))
    again = _came(database, settings, Vouched("oidc", "sub-1", "Countess"))
    assert first == again == (first[0], "Ada", "viewer")


@pytest.mark.parametrize("taken", ["ada", "Ada", "ADA"])
def test_nobody_becomes_somebody_else_by_a_name(
    database: Database, tmp_path: Path, taken: str
) -> None:
    with database.write() as session:
        session.add(Person(name=taken, source="local", role="administrator"))
    key, name, role = _came(database, _settings(tmp_path), Vouched("proxy", "Ada", "Ada"))
    assert (name, role) == ("Ada 2", "viewer")
    assert _came(database, _settings(tmp_path), Vouched("oidc", "Ada", "Ada"))[0] != key


@pytest.mark.parametrize("wanted", ["", "\n\t", "x" * 500, "a\u202eb\x00c", "\u3164"])
def test_a_name_is_one_that_can_be_shown(database: Database, tmp_path: Path, wanted: str) -> None:
    _, name, _ = _came(database, _settings(tmp_path), Vouched("oidc", "1", wanted))
    assert names.problem(names.plain(name)) is None


def test_groups_give_roles_where_groups_have_roles(database: Database, tmp_path: Path) -> None:
    settings = _settings(tmp_path, role_groups="lab=editor, heads=administrator")

    def role(*groups: str) -> str:
        return _came(database, settings, Vouched("oidc", "1", "ada", groups=groups))[2]

    assert role("lab") == "editor"
    assert role("heads", "lab") == "administrator"
    assert role("others") == "viewer", "who has left a group has left its role"


def test_without_them_a_role_is_what_it_was_set_to_here(database: Database, tmp_path: Path) -> None:
    settings = _settings(tmp_path, default_role="editor")
    key, _, role = _came(database, settings, Vouched("oidc", "1", "ada"))
    assert role == "editor"
    with database.write() as session:
        session.get_one(Person, key).role = "viewer"
    assert _came(database, settings, Vouched("oidc", "1", "ada", groups=["lab"]))[2] == "viewer"


@pytest.mark.parametrize(
    ("said", "role"),
    [
        (Vouched("proxy", "Root", "Root"), "administrator"),
        (Vouched("oidc", "9", "x", email="Boss@lab.example"), "administrator"),
        # What a person may choose at the provider makes nobody an administrator.
        (Vouched("oidc", "9", "root"), "viewer"),
        (Vouched("oidc", "root", "x"), "viewer"),
    ],
)
def test_administrators_are_named_by_what_they_cannot_choose(
    database: Database, tmp_path: Path, said: Vouched, role: str
) -> None:
    settings = _settings(tmp_path, administrators="root, boss@lab.example")
    assert _came(database, settings, said)[2] == role


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"auth": "oidc"}, "needs LORAONE_OIDC_ISSUER and LORAONE_OIDC_CLIENT_ID and LORAONE_PUB"),
        ({"auth": "proxy"}, "needs LORAONE_TRUSTED_PROXIES too"),
        ({"role_groups": "lab"}, "allowed: such as lab=editor"),
        ({"role_groups": "lab=boss"}, "viewer, editor, administrator"),
        ({"oidc_issuer": "http://idp.example"}, "an https address"),
        ({"oidc_issuer": "https://u:p@idp.example"}, "no user"),
        ({"trusted_proxies": "nginx"}, "no address and no network"),
        ({"proxy_user_header": "X User"}, "LORAONE_PROXY_USER_HEADER"),
        ({"public_url": "lab.example.org"}, "LORAONE_PUBLIC_URL"),
    ],
)
def test_settings_that_do_not_fit_together_are_said_in_a_sentence(
    tmp_path: Path, given: dict[str, str], said: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(home=tmp_path, **given)  # type: ignore[arg-type]
    (line,) = sentences(caught.value)
    assert said in line
