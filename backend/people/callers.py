"""Finds out who a request comes from: by a session's cookie, an access token, a share
link, or a proxy's word.

What was found is known for a few seconds, so that not every request asks the database. Whoever
is disabled or signed out here is so at once; on another server of the same database within these
seconds.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers

from backend.people import share_links, vouched
from backend.people.caller import Caller, anybody_here
from backend.people.secrets import hashed
from backend.people.vouched import Vouched
from backend.settings import Settings
from backend.storage.audience import EVERYTHING, Audience, looking_into_bin, reading_for
from backend.storage.database import Database
from backend.storage.tables import AccessToken, Experiment, Person, SignIn, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

KEPT_S = 5.0
# How exactly it is known when somebody was last here.
_SEEN = timedelta(minutes=1)
_MOST_KEPT = 10_000
# Of a name that a proxy gives somebody.
_LONGEST = 500

_NO_LETTER = re.compile(r"[^0-9A-Za-z]")
_PORT = re.compile(r":([0-9]{1,5})\Z")

_Find = Callable[[Session, str], Caller | None]


class Callers:
    """Who asks, on a server with these settings."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._here = anybody_here(settings.user) if settings.auth == "none" else None
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, Caller | None]] = {}
        self._turn = 0

    async def of(self, headers: Headers, address: str, *, trusted: bool = False) -> Caller | None:
        """Who it is; None where nobody says so, or what says it does not hold. ``trusted``: it
        came by a trusted proxy, which may say who asks."""
        caller = await self._of(headers, trusted)
        return None if caller is None else replace(caller, address=address)

    async def _of(self, headers: Headers, trusted: bool) -> Caller | None:
        if self._here is not None:
            return self._here
        kind, _, secret = headers.get("authorization", "").partition(" ")
        find = {"bearer": self._of_token, "share": share_links.caller}.get(kind.lower())
        if find is not None:
            return await self._by(secret.strip(), find) if secret.strip() else None
        if self._settings.auth == "proxy":  # what a browser told the proxy may be passed on
            said = self._said(headers) if trusted else None
            return None if said is None else await self._by_proxy(said)
        if kind:
            return None
        cookie = cookie_of(headers, self.cookie(headers.get("host", "")))
        return await self._by(cookie, self._of_session) if cookie else None

    def cookie(self, host: str, of: str = "loraone") -> str:
        """The name of a session's cookie, or of another that is this server's alone; browsers hold
        to what its beginning promises.

        They send the cookies of a host to all its ports, and those of a path to all below it: so
        the port that a browser asked, as ``host`` says, is part of it, and the path. Under a public
        address the port is that one's, however the proxy passes requests on.
        """
        public = self._settings.public_url
        port = _PORT.search(host if public is None else urlsplit(public).netloc)
        name = of if port is None else f"{of}-{port[1]}"
        name += _NO_LETTER.sub("_", self._settings.root_path)
        if not self._settings.behind_tls:
            return name
        return f"__Secure-{name}" if self._settings.root_path else f"__Host-{name}"

    def forget(self) -> None:
        """What is known of people has changed."""
        with self._lock:
            self._known.clear()
            self._turn += 1

    async def _by(self, secret: str, find: _Find) -> Caller | None:
        key = hashed(secret)
        with self._lock:
            known = self._known.get((find.__name__, key))
            turn = self._turn
        if known is not None and known[0] > time.monotonic():
            return known[1]
        caller = await run_in_threadpool(self._find, key, find)
        with self._lock:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            if turn == self._turn:
                self._known[find.__name__, key] = (time.monotonic() + KEPT_S, caller)
        return caller

    def _said(self, headers: Headers) -> Vouched | None:
        """What a trusted proxy says of who asks; of two names none is believed."""
        names = _texts(headers, self._settings.proxy_user_header)
        if len(names) != 1 or not (name := names[0].strip()) or len(name) > _LONGEST:
            return None
        groups = ",".join(_texts(headers, self._settings.proxy_groups_header)).split(",")
        return Vouched("proxy", name, name, groups=tuple(filter(None, map(str.strip, groups))))

    async def _by_proxy(self, said: Vouched) -> Caller | None:
        def find(session: Session, key: str) -> Caller | None:
            person = vouched.find(session, said)
            if person is None or vouched.is_news(self._settings, said, person):
                with self._database.write() as writing:
                    person = vouched.person_of(writing, self._settings, said)
            if person.disabled:
                return None
            return _seeing(session, person, Caller.of(person, "proxy"))

        return await self._by(json.dumps([said.subject, *said.groups]), find)

    def _find(self, key: str, find: _Find) -> Caller | None:
        # Whoever looks may be a feed, which reads for its follower as they were before.
        with reading_for(EVERYTHING), self._database.read() as session:
            return find(session, key)

    def _of_session(self, session: Session, key: str) -> Caller | None:
        found = session.execute(
            select(SignIn, Person).join(Person).where(SignIn.secret == key)
        ).one_or_none()
        if found is None:
            return None
        sign_in, person = found
        idle = timedelta(hours=self._settings.session_idle_hours)
        moment = now()
        if person.disabled or moment > sign_in.expires_at or moment > sign_in.used_at + idle:
            return None
        if moment > sign_in.used_at + _SEEN:
            self._seen(SignIn, sign_in.id, person.id)
        return _seeing(session, person, Caller.of(person, "session", sign_in.id))

    def _of_token(self, session: Session, key: str) -> Caller | None:
        found = session.execute(
            select(AccessToken, Person).join(Person).where(AccessToken.secret == key)
        ).one_or_none()
        if found is None:
            return None
        token, person = found
        moment = now()
        if person.disabled or (token.expires_at is not None and moment > token.expires_at):
            return None
        if token.used_at is None or moment > token.used_at + _SEEN:
            self._seen(AccessToken, token.id, person.id)
        return _seeing(session, person, Caller.of(person, "token", token.id, token.scope))

    def _seen(self, table: type[SignIn] | type[AccessToken], key: int, person_id: int) -> None:
        """Note that somebody was here."""
        with self._database.write() as session:
            query = update(table).where(table.id == key).values(used_at=now())
            session.execute(query, execution_options={TOUCHES: NO_EXPERIMENT})
            person = session.get(Person, person_id)
            if person is not None:
                person.seen_at = now()


def _seeing(session: Session, person: Person, caller: Caller) -> Caller:
    """``caller``, who is ``person``, with what they see."""
    return replace(caller, audience=audience_of(session, person))


def audience_of(session: Session, person: Person) -> Audience:
    """What a person sees. Of those who own nothing private all see the same; what is in the bin is
    still theirs, to bring it back or to remove it."""
    if person.role == "administrator":
        return Audience(everything=True, me=person.name)
    owns = select(Experiment.id).where(Experiment.private, Experiment.owner_id == person.id)
    with looking_into_bin():
        private = session.scalar(owns.limit(1)) is not None
    return Audience(person=person.id if private else None, me=person.name)


def _texts(headers: Headers, name: str) -> list[str]:
    """The values of a header; names beyond ASCII are UTF-8, where they are anything."""
    values = (value.encode("latin-1") for value in headers.getlist(name))
    return [value.decode("utf-8", "replace") for value in values]


def cookie_of(headers: Headers, name: str) -> str:
    """The value of a cookie; of several by its name none is believed."""
    values = [
        value.strip()
        for line in headers.getlist("cookie")
        for key, _, value in (part.partition("=") for part in line.split(";"))
        if key.strip() == name
    ]
    return values[0] if len(values) == 1 else ""
