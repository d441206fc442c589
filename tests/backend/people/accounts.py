"""People for tests: accounts in a database, and clients that are signed in as them."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient

from backend.people import secrets
from backend.storage.database import Database
from backend.storage.tables import AccessToken, Person, Right, Role, SignIn, now


def person(database: Database, name: str, role: Role) -> int:
    """An account."""
    with database.write() as session:
        row = Person(name=name, role=role, source="local")
        session.add(row)
        session.flush()
        return row.id


def signed_in(app: FastAPI, person_id: int) -> TestClient:
    """A browser in which somebody is signed in."""
    secret = secrets.make()
    with app.state.database.write() as session:
        session.add(
            SignIn(
                person_id=person_id,
                secret=secrets.hashed(secret),
                expires_at=now() + timedelta(hours=1),
                address="127.0.0.1",
            )
        )
    client = _client(app)
    client.cookies.set(app.state.callers.cookie, secret)
    client.headers["Sec-Fetch-Site"] = "same-origin"
    return client


def with_token(app: FastAPI, person_id: int, scope: Right) -> TestClient:
    """A program with somebody's access token."""
    secret = secrets.make(secrets.TOKEN)
    with app.state.database.write() as session:
        session.add(
            AccessToken(
                person_id=person_id, name="a test", scope=scope, secret=secrets.hashed(secret)
            )
        )
    client = _client(app)
    client.headers["Authorization"] = f"Bearer {secret}"
    return client


def nobody(app: FastAPI) -> TestClient:
    """A client that says nothing of who it is."""
    return _client(app)


def _client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1:8111", raise_server_exceptions=False)
