"""People whom an identity provider or a proxy vouches for: found by what it calls them, made the
first time they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.people import names, registry
from backend.settings import Settings
from backend.storage.tables import Person, Role


@dataclass(frozen=True)
class Vouched:
    """What is said of somebody. ``subject`` never changes; ``email`` is one that was verified."""

    source: Literal["oidc", "proxy"]
    subject: str
    name: str
    email: str | None = None
    groups: Sequence[str] = ()


def person_of(session: Session, settings: Settings, said: Vouched) -> Person:
    """Who it is. Their role is what their groups say where groups have roles, or else what it was
    set to here; nobody becomes somebody else by a name."""
    person = find(session, said)
    if person is None:
        person = Person(
            name=_free_name(session, said.name),
            source=said.source,
            subject=said.subject,
            role=settings.role_of(list(said.groups)),
        )
        session.add(person)
    person.role, person.email = _role(settings, said, person), said.email
    session.flush()
    return person


def find(session: Session, said: Vouched) -> Person | None:
    """Who it is, if they have come before."""
    query = select(Person).where(Person.source == said.source, Person.subject == said.subject)
    return session.scalars(query).one_or_none()


def is_news(settings: Settings, said: Vouched, person: Person | None) -> bool:
    """Whether :func:`person_of` would write something."""
    return person is None or (person.role, person.email) != (
        _role(settings, said, person),
        said.email,
    )


def _role(settings: Settings, said: Vouched, person: Person) -> Role:
    # A proxy's subject is the name it gives; a provider's name is what a person may choose there.
    known_as = {said.subject.lower() if said.source == "proxy" else None, said.email}
    if settings.administrator_names & {each.lower() for each in known_as if each}:
        return "administrator"
    if settings.role_groups:
        return settings.role_of(list(said.groups))
    return person.role


def _free_name(session: Session, wanted: str) -> str:
    """A name that nobody has, not even in other letters' case: what somebody launched before there
    were accounts is given to an account by an administrator alone."""
    plain = names.plain("".join(letter for letter in wanted if letter.isprintable()))
    if names.problem(plain[: names.MOST]) is not None:
        plain = "somebody"
    number = 1
    while True:
        suffix = f" {number}" if number > 1 else ""
        name = plain[: names.MOST - len(suffix)] + suffix
        if registry.find(session, name) is None:
            return name
        number += 1
