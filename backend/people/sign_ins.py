"""Sessions: a browser in which somebody is signed in has a secret, which is a new one each time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from backend.people import secrets
from backend.settings import Settings
from backend.storage.tables import AccessToken, Invitation, Person, SignIn, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

_NO_EXPERIMENT = {TOUCHES: NO_EXPERIMENT}


def begin(session: Session, settings: Settings, person: Person, address: str, browser: str) -> str:
    """Sign somebody in; the secret that their browser is to come with."""
    moment = now()
    idle = moment - timedelta(hours=settings.session_idle_hours)
    ended = delete(SignIn).where(or_(SignIn.expires_at < moment, SignIn.used_at < idle))
    session.execute(ended, execution_options=_NO_EXPERIMENT)
    secret = secrets.make()
    session.add(
        SignIn(
            person_id=person.id,
            secret=secrets.hashed(secret),
            expires_at=moment + timedelta(hours=settings.session_hours),
            address=address[:100],
            browser=browser[:300],
        )
    )
    person.seen_at = moment
    return secret


def listed(session: Session, settings: Settings, person_id: int) -> Sequence[SignIn]:
    """Those that have not ended, the one used last first."""
    idle = now() - timedelta(hours=settings.session_idle_hours)
    query = select(SignIn).where(
        SignIn.person_id == person_id, SignIn.expires_at >= now(), SignIn.used_at >= idle
    )
    return session.scalars(query.order_by(SignIn.used_at.desc(), SignIn.id.desc())).all()


def end(session: Session, person_id: int, key: int) -> bool:
    """End one of somebody's; whether it was theirs."""
    row = session.get(SignIn, key)
    if row is None or row.person_id != person_id:
        return False
    session.delete(row)
    return True


def end_all(session: Session, person_id: int) -> None:
    """End all of somebody's."""
    query = delete(SignIn).where(SignIn.person_id == person_id)
    session.execute(query, execution_options=_NO_EXPERIMENT)


def shut_out(session: Session, person_id: int) -> None:
    """End all that somebody can come with: sessions, tokens, and links for a new password."""
    end_all(session, person_id)
    for table in (AccessToken, Invitation):
        query = delete(table).where(table.person_id == person_id)
        session.execute(query, execution_options=_NO_EXPERIMENT)
