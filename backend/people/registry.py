"""People by number and by name."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.storage.tables import Person


def named(session: Session, name: str) -> Person:
    """The person of this name, also one without an account; they become one where there is none."""
    person = find(session, name)
    if person is None:
        person = Person(name=name)
        session.add(person)
        session.flush()
    return person


def find(session: Session, name: str) -> Person | None:
    """The person of exactly this name, else of it in other letters' case."""
    person = session.scalars(select(Person).where(Person.name == name)).one_or_none()
    if person is not None:
        return person
    alike = select(Person).where(func.lower(Person.name) == name.lower()).order_by(Person.id)
    return session.scalars(alike.limit(1)).one_or_none()


def count_accounts(session: Session) -> int:
    """How many could sign in."""
    accounts = select(func.count()).where(Person.source != "named", Person.disabled.is_(False))
    return session.scalar(accounts) or 0
