"""Whoever asks: who they are, their password, and the browsers in which they are signed in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from fastapi import APIRouter
from sqlalchemy.orm import Session

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.cookies import SessionCookieDep
from backend.api.deps import (
    AnybodyDep,
    CallerDep,
    CallersDep,
    DatabaseDep,
    FeedDep,
    Key,
    PasswordsDep,
    Reading,
    SettingsDep,
)
from backend.api.kept import fresh
from backend.api.rights import needs, open_to_all
from backend.api.schemas.sign_in import (
    CallerOut,
    MeOut,
    NameIn,
    PasswordIn,
    SignInIn,
    SignInOut,
)
from backend.errors import ConflictError, NobodyError, NotFoundError
from backend.people import audit, changing, names, passwords, registry, sign_ins, slowdown, standing
from backend.people.caller import Caller
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.tables import Person, SignIn

router = APIRouter(route_class=JsonRoute, tags=["people"])


@router.get("/me")
@fresh("it is another for everybody")
@open_to_all("the page asks whether somebody has to sign in")
def me(session: Reading, caller: AnybodyDep, settings: SettingsDep) -> MeOut:
    """Who asks, and how people sign in here."""
    person = None
    if caller is not None:
        if caller.person is not None:
            person = session.get(Person, caller.person)
        elif caller.way == "here":
            person = registry.find(session, caller.name)
    return MeOut(
        person=None if caller is None else CallerOut.of(caller, person),
        auth=settings.auth,
        sign_in_needed=caller is None,
        administrator_exists=settings.auth == "none" or registry.has_administrator(session),
        public_url=settings.public_url,
        button="Single sign-on" if settings.auth == "oidc" else None,
    )


@router.post("/sign-in", responses=refuses(401, 409, 429))
@open_to_all("whoever signs in has not yet")
def sign_in(
    given: SignInIn,
    cookie: SessionCookieDep,
    caller: AnybodyDep,
    callers: CallersDep,
    database: DatabaseDep,
    hashes: PasswordsDep,
    settings: SettingsDep,
) -> MeOut:
    """Sign in with a name and a password: the answer sets the cookie of a new session."""
    check_local(settings)
    checked = _check_password(
        database, hashes, given.name, given.password.get_secret_value(), cookie.address
    )
    with database.write() as session:
        if caller is not None and caller.way == "session":  # the browser's session so far
            sign_ins.end(session, caller.person or 0, caller.key or 0)
        person = checked.person(session)
        secret = sign_ins.begin(session, settings, person, cookie.address, cookie.browser)
        audit.note(session, audit.of_person(person, cookie.address), "sign-in")
        answer = signed_in(settings, person)
    callers.forget()
    cookie.give(secret)
    return answer


@dataclass(frozen=True)
class _Checked:
    """Whose password was right, and what is stored of it."""

    key: int
    stored: str | None

    def person(self, session: Session) -> Person:
        """Whoever it is, in the transaction that lets them in. Raises NobodyError where the
        password is another by now, or the account disabled."""
        person = session.get(Person, self.key)
        if person is None or person.disabled or person.password != self.stored:
            raise _wrong()
        return person


def _wrong() -> NobodyError:
    return NobodyError("the name or the password is wrong, or the account is disabled")


def _check_password(
    database: Database, hashes: passwords.Passwords, name: str, password: str, address: str
) -> _Checked:
    """The person whose password it is. Raises NobodyError, in the same words and
    after the same time whether there is such a person or not, and TooOftenError."""
    name = names.plain(name)
    with database.read() as session:  # who comes too often keeps nobody from writing
        known = partial(audit.was_here, session, registry.find(session, name), address)
        slowdown.check(session, name, address, known=known)
    with database.write() as session:
        person = registry.find(session, name)
        known = partial(audit.was_here, session, person, address)
        slowdown.begin(session, name, address, known=known)
        stored = person.password if person is not None and person.source == "local" else None
        person_id = None if person is None else person.id
    # Not in a transaction: others would wait for it.
    checked = hashes.check(password, stored)
    with database.write() as session:
        person = None if person_id is None else session.get(Person, person_id)
        # It may be another by now, or its person shut out.
        fits = checked.fits and person is not None and person.password == stored
        if fits and person is not None and not person.disabled:
            slowdown.succeeded(session, name, address)
            person.password = checked.renewed or person.password
            return _Checked(person.id, person.password)
        audit.note(session, audit.of_person(person, address), "sign-in failed")
    raise _wrong()


def check_local(settings: Settings) -> None:
    """Raise ConflictError on a server where nobody has a password."""
    if settings.auth != "local":
        raise ConflictError(
            f"LORAONE_AUTH is {settings.auth}: nobody has a password here; allowed: local"
        )


def signed_in(settings: Settings, person: Person) -> MeOut:
    """What somebody is answered who has just signed in."""
    caller = Caller.of(person, way="session")
    return MeOut(
        person=CallerOut.of(caller, person),
        auth=settings.auth,
        sign_in_needed=False,
        administrator_exists=True,
        public_url=settings.public_url,
        button=None,
    )


@router.post("/sign-out", status_code=204)
@open_to_all("whose session has ended is signed out too")
def sign_out(
    caller: AnybodyDep,
    callers: CallersDep,
    cookie: SessionCookieDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> None:
    """End this browser's session."""
    if caller is not None and caller.way == "session":
        with database.write() as session:
            sign_ins.end(session, caller.person or 0, caller.key or 0)
            audit.note(session, caller, "sign-out")
        callers.forget()
        feed.wake()  # its streams end
    cookie.take_away()


@router.post("/sign-out-everywhere", status_code=204)
@needs("read", account=True)
def sign_out_everywhere(
    caller: CallerDep,
    callers: CallersDep,
    cookie: SessionCookieDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> None:
    """End all one's sessions, this one too; tokens stay."""
    if caller.person is not None:
        with database.write() as session:
            sign_ins.end_all(session, caller.person)
            audit.note(session, caller, "sign-out everywhere")
        callers.forget()
        feed.wake()
    cookie.take_away()


@router.put("/me/name", status_code=204, responses=refuses(409))
@needs("read", account=True)
def rename(
    given: NameIn, caller: CallerDep, callers: CallersDep, database: DatabaseDep, feed: FeedDep
) -> None:
    """Have another name, also where it stands beside what one launched and wrote. Whoever vouches
    for one, such as an identity provider, goes on doing so."""
    if caller.person is None:
        raise ConflictError("this server has no accounts (LORAONE_AUTH); allowed: LORAONE_USER")
    with database.write() as session:
        standing.check_still(session, caller)
        person = session.get_one(Person, caller.person)
        if given.name != person.name:
            target = audit.whom(person)
            changing.rename(session, person, given.name)
            audit.note(session, caller, "person renamed", target)
    callers.forget()
    feed.wake()


@router.get("/me/sign-ins")
@fresh("it is another for everybody")
@needs("read")
def list_sign_ins(session: Reading, caller: CallerDep, settings: SettingsDep) -> list[SignInOut]:
    """The browsers in which one is signed in, the one used last first."""
    rows = [] if caller.person is None else sign_ins.listed(session, settings, caller.person)
    return [_sign_in_out(row, caller) for row in rows]


def _sign_in_out(row: SignIn, caller: Caller) -> SignInOut:
    return SignInOut(
        id=row.id,
        created_at=row.created_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
        address=row.address,
        browser=row.browser,
        here=caller.way == "session" and caller.key == row.id,
    )


@router.delete("/me/sign-ins/{sign_in_id}", status_code=204)
@needs("read", account=True)
def end_sign_in(
    sign_in_id: Key, caller: CallerDep, callers: CallersDep, database: DatabaseDep, feed: FeedDep
) -> None:
    """Sign out in another browser."""
    with database.write() as session:
        if not sign_ins.end(session, caller.person or 0, sign_in_id):
            raise NotFoundError("sign-in", sign_in_id)
        audit.note(session, caller, "sign-out", f"sign-in {sign_in_id}")
    callers.forget()
    feed.wake()


@router.post("/me/password", status_code=204, responses=refuses(401, 409, 429))
@needs("read", account=True)
def change_password(
    given: PasswordIn,
    caller: CallerDep,
    callers: CallersDep,
    cookie: SessionCookieDep,
    database: DatabaseDep,
    hashes: PasswordsDep,
    settings: SettingsDep,
    feed: FeedDep,
) -> None:
    """Have another password: all one's other sessions end, and this one goes on with a new
    cookie. Tokens stay."""
    check_local(settings)
    if caller.person is None or caller.way != "session":
        raise ConflictError("a password is changed by whoever is signed in with it")
    current, new = given.current.get_secret_value(), given.new.get_secret_value()
    passwords.check_new(new, caller.name, "new")
    checked = _check_password(database, hashes, caller.name, current, cookie.address)
    hashed = hashes.hash(new)
    with database.write() as session:
        standing.check_still(session, caller)
        person = checked.person(session)
        person.password = hashed
        sign_ins.end_all(session, person.id)
        secret = sign_ins.begin(session, settings, person, cookie.address, cookie.browser)
        audit.note(session, caller, "password changed")
    callers.forget()
    feed.wake()
    cookie.give(secret)
