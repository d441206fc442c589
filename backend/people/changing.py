"""Changes of people: another name, another role, shut out, one taken for another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from backend.errors import ConflictError
from backend.people import registry, sign_ins
from backend.people.roles import Role
from backend.storage.audience import looking_into_bin
from backend.storage.store import changes, summaries, usage
from backend.storage.tables import (
    NAMED,
    Comment,
    Deletion,
    Experiment,
    Note,
    Person,
    SavedView,
    ShareLink,
)
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# Pages are told of each of so many experiments; of more that something has changed.
_MOST_TOLD = 500


@dataclass(frozen=True)
class Claimed:
    """How many of each have another owner now."""

    experiments: int
    notes: int
    views: int


def rename(session: Session, person: Person, name: str) -> None:
    """Give a person another name, also where it stands beside what they launched and wrote.

    Raises InvalidError where it is somebody else's.
    """
    registry.check_free(session, name, person)
    before, person.name = person.name, name
    session.flush()
    if before != name:
        _sign_again(session, before, name, owner=person.id)


def set_role(session: Session, person: Person, role: Role) -> None:
    """Give a person another role. Raises ConflictError for the last administrator, and for one
    without an account."""
    if person.source == NAMED:
        raise ConflictError(f"{person.name} has no account, and no role: invite them first")
    if role != "administrator":
        _check_not_last(session, person)
    person.role = role


def disable(session: Session, person: Person) -> None:
    """Let a person in no more, with whatever they come. Raises ConflictError for the last
    administrator."""
    _check_not_last(session, person)
    person.disabled = True
    sign_ins.shut_out(session, person.id)


def enable(session: Session, person: Person) -> None:
    """Let a person in again, by their password; tokens have to be made anew."""
    person.disabled = False


def claim(session: Session, person: Person, named: Person) -> Claimed:
    """Make all that is ``named``'s, who is a name alone, that of ``person``, and forget the name.

    Raises ConflictError where ``named`` has an account, or ``person`` none.
    """
    if named.source != NAMED:
        raise ConflictError(f"{named.name} has an account: only who is a name alone can be claimed")
    if person.source == NAMED:
        raise ConflictError(f"{person.name} has no account that could claim something")
    mine = update(Experiment).where(Experiment.owner_id == named.id).values(owner_id=person.id)
    experiments = _count(session, mine)
    views = update(SavedView).where(SavedView.owner_id == named.id).values(owner_id=person.id)
    count = _count(session, views)
    links = update(ShareLink).where(ShareLink.person_id == named.id).values(person_id=person.id)
    session.execute(links, execution_options={TOUCHES: NO_EXPERIMENT})
    usage.hand_over(session, named.id, person.id)
    for table in (Comment, Deletion):
        session.execute(
            update(table).where(table.person_id == named.id).values(person_id=person.id)
        )
    notes = _sign_again(session, named.name, person.name, owner=person.id)
    changes.add_views(session)
    session.delete(named)
    session.flush()
    return Claimed(experiments, notes, count)


def _check_not_last(session: Session, person: Person) -> None:
    last = person.role == "administrator" and not person.disabled and person.source != NAMED
    if last and not registry.has_administrator(session, but=person.id):
        raise ConflictError(
            f"{person.name} is the last administrator; make somebody else one first"
        )


def _sign_again(session: Session, before: str, name: str, owner: int) -> int:
    """Write another name under what a person launched and wrote; how many notes it was.

    What was imported under the same name belongs to whoever imported it, and keeps its author.
    """
    signed = (Experiment.author == before, Experiment.owner_id == owner)
    # The author is part of what experiments are counted together by.
    grouped = select(Experiment.task, Experiment.model, Experiment.methods)
    with looking_into_bin():  # what comes back from there is theirs as well
        ids = session.scalars(select(Experiment.id).where(*signed)).all()
        groups = session.execute(grouped.where(*signed).distinct()).all()
    for task, model, methods in groups:
        session.execute(
            update(Experiment)
            .where(
                *signed,
                Experiment.task == task,
                Experiment.model == model,
                Experiment.methods == methods,
            )
            .values(author=name, group_key=summaries.key(task, model, name, methods))
        )
    session.execute(update(Comment).where(Comment.person_id == owner).values(author=name))
    notes = _count(session, update(Note).where(Note.author == before).values(author=name))
    changes.add_experiments(session, ids[:_MOST_TOLD], "experiment")
    return notes


def _count(session: Session, query: Any) -> int:
    return cast("CursorResult[Any]", session.execute(query)).rowcount
