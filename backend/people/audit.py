"""The audit trail: who did what, and from where. Rows are added and never changed; they go where
a setting says for how long they stay.

No secret stands in it, and no text of people's: it says which experiment was renamed, not how.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from backend.people.caller import Caller
from backend.storage.store.removed import removed
from backend.storage.tables import AuditRow, Person, now

# So many rows are removed at a time, so that others can write in between.
_REMOVED = 5000

Action = Literal[
    "sign-in",
    "sign-in failed",
    "sign-out",
    "sign-out everywhere",
    "password changed",
    "link made",
    "link withdrawn",
    "account made",
    "password set",
    "person renamed",
    "role changed",
    "quotas set",
    "person disabled",
    "person enabled",
    "person claimed",
    "token made",
    "token deleted",
    "launched",
    "imported",
    "changed",
    "deleted",
    "restored",
    "removed for good",
    "cancelled",
    "retried",
    "moved",
    "note written",
    "commented",
    "comment changed",
    "comment deleted",
    "view saved",
    "view deleted",
    "lane set",
    "share link made",
    "share link ended",
    "notice channel added",
    "notice channel changed",
    "notice channel deleted",
    "notice channel tested",
]


def note(
    session: Session, caller: Caller, action: Action, target: str = "", detail: str = ""
) -> None:
    """Somebody did something, in the transaction that does it."""
    session.add(
        AuditRow(
            person_id=caller.person,
            name=caller.name[:100],
            action=action,
            target=target[:200],
            address=caller.address[:100],
            detail=detail[:1000],
        )
    )


def of_person(person: Person | None, address: str) -> Caller:
    """Who a row is of where nobody is signed in yet. A name that is nobody's is left out: people
    type passwords into the wrong field."""
    if person is None:
        return Caller("", address=address)
    return Caller(person.name, person.role, person=person.id, address=address)


def at_console(name: str) -> Caller:
    """Whoever uses the command line on the machine of the database."""
    return Caller(name, "administrator", address="console")


def was_here(session: Session, person: Person | None, address: str) -> bool:
    """Whether somebody has signed in from this address before."""
    if person is None:
        return False
    query = select(AuditRow.id).where(
        AuditRow.person_id == person.id,
        AuditRow.action == "sign-in",
        AuditRow.address == address,
    )
    return session.scalar(query.limit(1)) is not None


def whom(person: Person) -> str:
    """Such as ``person 2 (Ana)``: by the name that they have as it is noted."""
    return f"person {person.id} ({person.name})"


def counted(count: int, noun: str) -> str:
    """Such as ``1 run`` or ``5 runs``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def numbered(noun: str, keys: Sequence[int]) -> str:
    """Such as ``experiment 3`` or ``experiments 3, 5``."""
    return f"{noun}{'' if len(keys) == 1 else 's'} {', '.join(map(str, keys))}"


def rows(
    session: Session,
    limit: int,
    *,
    before: int | None = None,
    after: int | None = None,
    person: int | None = None,
    action: str | None = None,
) -> Sequence[AuditRow]:
    """What was done: the newest first, or with ``after`` from there on, the oldest first."""
    query = select(AuditRow)
    if before is not None:
        query = query.where(AuditRow.id < before)
    if person is not None:
        query = query.where(AuditRow.person_id == person)
    if action is not None:
        query = query.where(AuditRow.action == action)
    if after is not None:
        query = query.where(AuditRow.id > after).order_by(AuditRow.id)
    else:
        query = query.order_by(AuditRow.id.desc())
    return session.scalars(query.limit(limit)).all()


def prune(session: Session, days: float | None) -> int:
    """Remove rows that are older, the oldest first, so many at a time; how many it were. None:
    they are kept."""
    if days is None:
        return 0
    old = select(AuditRow.id).where(AuditRow.at < now() - timedelta(days=days))
    ids = session.scalars(old.order_by(AuditRow.at).limit(_REMOVED)).all()
    return removed(session, delete(AuditRow).where(AuditRow.id.in_(ids)))
