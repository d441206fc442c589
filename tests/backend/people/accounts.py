"""People for tests: accounts in a database, and clients that are signed in as them."""

from __future__ import annotations

from datetime import timedelta

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import text

from backend.people import secrets
from backend.people.passwords import Passwords
from backend.storage.database import Database
from backend.storage.tables import AccessToken, Base, Person, Right, Role, SignIn, now

# None that anybody guesses, and none that is written anywhere but where it is asked for.
PASSWORD = "gable-otter-plinth"
# What the clients of tests call the server.
HOST = "127.0.0.1:8111"


def quick() -> Passwords:
    """Hashes that cost next to nothing."""
    return Passwords(Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1))


def empty(database: Database) -> None:
    """Nothing is stored, and numbers begin with 1."""
    tables = [table.name for table in Base.metadata.sorted_tables]
    with database.write() as session:
        if database.shared:
            named = ", ".join(f'"{table}"' for table in tables)  # one is called overlaps
            session.execute(text(f"TRUNCATE {named} RESTART IDENTITY"))
            return
        for name in (*reversed(tables), "sqlite_sequence"):
            session.execute(text(f"DELETE FROM {name}"))


def with_password(app: FastAPI, name: str, role: Role, password: str = PASSWORD) -> int:
    """An account that can sign in."""
    key = person(app.state.database, name, role)
    with app.state.database.write() as session:
        session.get_one(Person, key).password = app.state.passwords.hash(password)
    return key


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
    client.cookies.set(app.state.callers.cookie(HOST), secret)
    client.headers["Sec-Fetch-Site"] = "same-origin"
    return client


def cookies(client: TestClient) -> dict[str, str]:
    """What a browser says of who it is, as headers: with the host by which they signed in."""
    said = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    return {"Cookie": said, "Host": HOST}


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


def sign_in(client: TestClient, name: str, password: str = PASSWORD) -> int:
    """The status of an attempt to sign in."""
    body = {"name": name, "password": password}
    return client.post("/api/sign-in", json=body).status_code


def browser(app: FastAPI) -> TestClient:
    """A browser in which nobody is signed in yet."""
    client = _client(app)
    client.headers["Sec-Fetch-Site"] = "same-origin"
    return client


def nobody(app: FastAPI) -> TestClient:
    """A client that says nothing of who it is."""
    return _client(app)


def _client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False)


def who(client: TestClient) -> str | None:
    """The name of whoever a client is signed in as."""
    person = client.get("/api/me").json()["person"]
    return None if person is None else str(person["name"])
