"""People: everybody's names and colours; roles and accounts for administrators."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    CallerDep,
    CallersDep,
    DatabaseDep,
    FeedDep,
    Key,
    Reading,
    SettingsDep,
)
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.people import ClaimedOut, ClaimIn, PersonChange, PersonOut
from backend.api.schemas.quotas import OwnQuotas, QuotaOut
from backend.errors import NotFoundError
from backend.people import audit, changing, quotas, registry, standing
from backend.people.caller import Caller
from backend.storage.tables import Person

router = APIRouter(route_class=JsonRoute, tags=["people"])


@router.get("/people")
@fresh("administrators are told more")
@needs("read")
def people(session: Reading, caller: CallerDep, settings: SettingsDep) -> list[PersonOut]:
    """Everybody by name, also those who are a name alone."""
    rows = registry.everybody(session)
    if "admin" not in caller.rights:
        return [PersonOut.of(person, None) for person, _ in rows]
    used = quotas.of_all(session, settings, [person for person, _ in rows])
    return [PersonOut.of(person, count, used[person.id]) for person, count in rows]


@router.patch("/people/{person_id}", responses=refuses(409))
@needs("admin", account=True)
def change(
    person_id: Key,
    change: PersonChange,
    caller: CallerDep,
    callers: CallersDep,
    database: DatabaseDep,
    feed: FeedDep,
    settings: SettingsDep,
) -> PersonOut:
    """Give a person another name, role or quotas, or let them in no more; at once. 409 where no
    administrator would be left."""
    with database.write() as session:
        standing.check_still(session, caller)
        person = _find(session, person_id)
        _change(session, person, change, caller)
        owned = registry.count_owned(session, person)
        changed = PersonOut.of(person, owned, quotas.of(session, settings, person_id))
    callers.forget()
    feed.wake()  # streams of whoever may not any more end
    return changed


def _change(session: Session, person: Person, change: PersonChange, caller: Caller) -> None:
    target = audit.whom(person)
    if change.name is not None and change.name != person.name:
        changing.rename(session, person, change.name)
        audit.note(session, caller, "person renamed", target)
    if change.role is not None and change.role != person.role:
        detail = f"{person.role} to {change.role}"
        changing.set_role(session, person, change.role)
        audit.note(session, caller, "role changed", target, detail)
    if change.quotas is not None and change.quotas != OwnQuotas.of(person):
        said = quotas.set_own(person, change.quotas.named)
        audit.note(session, caller, "quotas set", target, said)
    if change.disabled is not None and change.disabled != person.disabled:
        if change.disabled:
            changing.disable(session, person)
            audit.note(session, caller, "person disabled", target)
        else:
            changing.enable(session, person)
            audit.note(session, caller, "person enabled", target)


@router.get("/people/{person_id}/quotas", responses=refuses(404))
@fresh("it is another for everybody, and hours pass")
@needs("read", own=True)
def read_quotas(
    person_id: Key, session: Reading, caller: CallerDep, settings: SettingsDep
) -> list[QuotaOut]:
    """How much of the machine one uses and may; administrators may ask of everybody."""
    if "admin" not in caller.rights and caller.number(session) != person_id:
        raise NotFoundError("quotas that you may see of person", person_id)
    _find(session, person_id)
    return QuotaOut.listed(quotas.of(session, settings, person_id))


@router.post("/people/{person_id}/claim", responses=refuses(409))
@needs("admin")
def claim(
    person_id: Key,
    given: ClaimIn,
    caller: CallerDep,
    callers: CallersDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> ClaimedOut:
    """Make what somebody launched and wrote who is a name alone an account's."""
    with database.write() as session:
        person, named = _find(session, person_id), _find(session, given.person)
        detail = f"{named.name}, who was person {named.id}"
        claimed = ClaimedOut.model_validate(changing.claim(session, person, named))
        audit.note(session, caller, "person claimed", audit.whom(person), detail)
    callers.forget()
    feed.wake()
    return claimed


def _find(session: Session, person_id: int) -> Person:
    person = session.get(Person, person_id)
    if person is None:
        raise NotFoundError("person", person_id)
    return person
