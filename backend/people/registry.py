"""People by number and by name."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import FieldProblem, InvalidError
from backend.storage.tables import NAMED, Experiment, Person, name_key


def named(session: Session, name: str) -> Person:
    """The person of this name, also one without an account; they become one where there is none."""
    person = find(session, name)
    if person is None:
        person = Person(name=name)
        session.add(person)
        session.flush()
    return person


def find(session: Session, name: str) -> Person | None:
    """The person of exactly this name, else of one that reads alike; of two the older."""
    person = session.scalars(select(Person).where(Person.name == name)).one_or_none()
    if person is not None:
        return person
    alike = select(Person).where(Person.name_key == name_key(name)).order_by(Person.id)
    return session.scalars(alike.limit(1)).one_or_none()


def check_free(session: Session, name: str, person: Person | None = None) -> None:
    """Raise InvalidError where ``name`` is that of somebody other than ``person``."""
    known = find(session, name)
    if known is not None and (person is None or known.id != person.id):
        raise InvalidError(
            FieldProblem(
                "name",
                f"is taken by {known.name}",
                value=name,
                allowed="a name that nobody has here",
            )
        )


def everybody(session: Session) -> list[tuple[Person, int]]:
    """All people by name, and how many experiments each owns."""
    owned = (
        select(Experiment.owner_id, func.count().label("count"))
        .group_by(Experiment.owner_id)
        .subquery()
    )
    query = select(Person, func.coalesce(owned.c.count, 0)).outerjoin(
        owned, owned.c.owner_id == Person.id
    )
    rows = session.execute(query.order_by(Person.name_key, Person.id)).all()
    return [(person, int(count)) for person, count in rows]


def count_owned(session: Session, person: Person) -> int:
    """How many experiments somebody owns."""
    query = select(func.count()).where(Experiment.owner_id == person.id)
    return session.scalar(query) or 0


def has_administrator(session: Session, but: int | None = None) -> bool:
    """Whether somebody (``but`` this person) can sign in who may do everything."""
    query = select(Person.id).where(
        Person.source != NAMED, Person.disabled.is_(False), Person.role == "administrator"
    )
    if but is not None:
        query = query.where(Person.id != but)
    return session.scalar(query.limit(1)) is not None
