"""What each route needs is asked of everybody: routes × roles, with sessions and with tokens."""

from __future__ import annotations

import re

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from backend.api import rights
from backend.api.rights import Needs, Open
from backend.people.roles import RIGHTS, ROLES
from backend.people.roles import rights as rights_of
from backend.settings import Settings
from backend.storage.tables import Role
from backend.web import app
from backend.web.app import create_app
from tests.backend.people import accounts

ROUTES = [
    pytest.param(
        sorted(route.methods or ())[0],
        prefix + route.path,
        rights.mark(route),
        id=f"{sorted(route.methods or ())[0]} {prefix}{route.path}",
    )
    for prefix, route in app.ROUTES
    if isinstance(route, APIRoute)
]


@pytest.fixture(scope="module")
def team_app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    """A server with accounts, one for each role."""
    home = tmp_path_factory.mktemp("team")
    return create_app(Settings(home=home, auth="local"))


@pytest.fixture(scope="module")
def people(team_app: FastAPI) -> dict[Role, int]:
    """Somebody of each role."""
    return {role: accounts.person(team_app.state.database, role, role) for role in ROLES}


def _status(client: TestClient, method: str, path: str) -> int:
    filled = re.sub(r"\{\w+\}", "1", path)
    with client.stream(method, filled, params={"after": "9999999999999999999"}) as response:
        return response.status_code


@pytest.mark.parametrize(("method", "path", "mark"), ROUTES)
def test_every_route_says_what_it_needs(method: str, path: str, mark: Needs | Open | None) -> None:
    assert mark is not None, f"{method} {path} says nothing of who may use it"


@pytest.mark.parametrize(("method", "path", "mark"), ROUTES)
def test_whoever_is_not_signed_in_is_asked_to(
    team_app: FastAPI, method: str, path: str, mark: Needs | Open
) -> None:
    status = _status(accounts.nobody(team_app), method, path)
    assert (status == 401) == isinstance(mark, Needs)


@pytest.mark.parametrize(("method", "path", "mark"), ROUTES)
def test_who_may_not_is_in_the_document(
    team_app: FastAPI, method: str, path: str, mark: Needs | Open
) -> None:
    refused = team_app.openapi()["paths"][path][method.lower()]["responses"].keys()
    assert {"401", "403"} <= refused or isinstance(mark, Open)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(("method", "path", "mark"), ROUTES)
def test_a_role_may_what_it_says_and_nothing_else(
    team_app: FastAPI,
    people: dict[Role, int],
    role: Role,
    method: str,
    path: str,
    mark: Needs | Open,
) -> None:
    status = _status(accounts.signed_in(team_app, people[role]), method, path)
    may = isinstance(mark, Open) or mark.right in rights_of(role)
    assert status != 401
    assert (status == 403) == (not may), status


@pytest.mark.parametrize("scope", RIGHTS)
@pytest.mark.parametrize(("method", "path", "mark"), ROUTES)
def test_a_token_may_no_more_than_its_scope_and_its_owner(
    team_app: FastAPI,
    people: dict[Role, int],
    scope: rights.Right,
    method: str,
    path: str,
    mark: Needs | Open,
) -> None:
    for role in ROLES:
        status = _status(accounts.with_token(team_app, people[role], scope), method, path)
        may = isinstance(mark, Open) or (mark.right in rights_of(role, scope) and not mark.account)
        assert (status == 403) == (not may), (role, status)
