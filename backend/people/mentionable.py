"""Who can be mentioned about an experiment: whoever sees it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from backend.people import registry
from backend.storage.tables import Experiment, Person

# In one list.
MOST_LISTED = 1000


def people(session: Session, experiment: Experiment) -> list[Person]:
    """By name, regardless of capitals."""
    query = select(Person).where(_sees(experiment)).order_by(Person.name_key, Person.id)
    return list(session.scalars(query.limit(MOST_LISTED)))


def resolve(session: Session, experiment: Experiment, names: Iterable[str]) -> dict[str, int]:
    """Those of the names that somebody has who sees the experiment, with their numbers."""
    found = {name: registry.find(session, name) for name in names}
    ids = {person.id for person in found.values() if person is not None}
    see = set(session.scalars(select(Person.id).where(Person.id.in_(ids), _sees(experiment))))
    return {name: who.id for name, who in found.items() if who is not None and who.id in see}


def _sees(experiment: Experiment) -> ColumnElement[bool]:
    here = Person.disabled.is_(False)
    if not experiment.private:
        return here
    return here & or_(Person.role == "administrator", Person.id == experiment.owner_id)
