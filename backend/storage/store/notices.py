"""Notices: written in the transaction of what happened, so that none is lost, and gathered by what
they are about, so that a hundred failures are one.

A person is told of what they launched, of being mentioned, and administrators of lanes and the
disk; of each only where they want that kind.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, get_args

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.orm import Session

from backend.errors import cut
from backend.storage.store import changes, outgoing
from backend.storage.store.removed import removed
from backend.storage.tables import (
    Comment,
    Experiment,
    Notice,
    NoticeChannel,
    NoticeChoice,
    Person,
    Run,
    now,
)
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

Kind = Literal["finished", "failed", "verdict", "mentioned", "lane", "disk"]
KINDS: tuple[Kind, ...] = get_args(Kind)
# A channel of one's own that fails: of that one is told whatever one wants, and on the page alone.
Told = Literal[Kind, "channel"]
# In one list.
MOST_LISTED = 100
# What was read is kept for so long, and of each person so many in any case.
KEPT, MOST_KEPT = timedelta(days=90), 1000
_MOST_TEXT = 1000


def failed(session: Session, run: Run) -> None:
    """A run has failed for good."""
    experiment = session.get_one(Experiment, run.experiment_id)
    message = str((run.error or {}).get("message", "it failed"))
    _tell(session, experiment.owner_id, "failed", f"run {run.id}: {message}", experiment)


def settled(session: Session, experiment: Experiment) -> None:
    """All runs of an experiment have ended, and what is ahead in it is known if anything is."""
    counts = dict(
        session.execute(
            select(Run.status, func.count())
            .where(Run.experiment_id == experiment.id)
            .group_by(Run.status)
        ).all()
    )
    words = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
    _tell(session, experiment.owner_id, "finished", f"all runs have ended: {words}", experiment)
    if experiment.best:
        said = f"{experiment.best['label']} is ahead"
        _tell(session, experiment.owner_id, "verdict", said, experiment)


def mentioned(session: Session, comment: Comment, before: dict[str, int]) -> None:
    """A comment mentions people; those whom it mentioned ``before`` it was edited know."""
    experiment = session.get_one(Experiment, comment.experiment_id)
    new = set(comment.mentions.values()) - set(before.values()) - {comment.person_id}
    for person_id in sorted(new):
        text = f"{comment.author} mentioned you: {comment.text}"
        _tell(session, person_id, "mentioned", text, experiment, comment.id)


def of_machine(
    session: Session, kind: Literal["lane", "disk"], subject: str, text: str, here: int | None
) -> None:
    """Something that whoever runs the machine sees to: administrators, or the person who is
    ``here`` on a server without accounts."""
    sees = Person.role == "administrator" if here is None else Person.id == here
    query = select(Person.id).where(sees, Person.disabled.is_(False))
    for person_id in session.scalars(query.order_by(Person.id)).all():
        _tell(session, person_id, kind, text, subject=subject)


def of_channel(session: Session, channel: NoticeChannel) -> None:
    """Nothing is sent to a channel any more."""
    text = (
        f"nothing is sent to {channel.label} any more: {channel.trouble}. What waits for it is "
        "sent when a test in Settings arrives"
    )
    _tell(session, channel.person_id, "channel", text, subject=f"channel {channel.id}")


def _tell(
    session: Session,
    person_id: int | None,
    kind: Told,
    text: str,
    experiment: Experiment | None = None,
    comment_id: int | None = None,
    subject: str = "",
) -> None:
    if person_id is None:
        return
    if experiment is not None:
        subject, text = f"experiment {experiment.id}", f"{experiment.name}: {text}"
    text = cut(text, _MOST_TEXT)
    about = None if experiment is None else experiment.id
    if kind != "channel":
        outgoing.add(session, person_id, kind, subject, text, about, comment_id)
        if kind not in wanted(session, person_id):
            return
    query = select(Notice).where(
        Notice.person_id == person_id, Notice.kind == kind, Notice.subject == subject
    )
    notice = session.scalars(query).one_or_none()
    if notice is None:
        notice = Notice(person_id=person_id, kind=kind, subject=subject, count=0, text="")
        session.add(notice)
    notice.count = 1 if notice.read_at is not None else notice.count + 1
    notice.text, notice.at, notice.read_at = text, now(), None
    notice.experiment_id, notice.comment_id = about, comment_id
    session.flush()
    changes.add_notices(session)


def wanted(session: Session, person_id: int) -> list[str]:
    """The kinds that a person wants."""
    choice = session.get(NoticeChoice, person_id)
    return list(KINDS) if choice is None else list(choice.kinds)


def choose(session: Session, person_id: int, kinds: list[Kind]) -> None:
    """Tell a person of these kinds from now on."""
    session.merge(NoticeChoice(person_id=person_id, kinds=list(kinds)))


def newest(session: Session, person_id: int) -> list[Notice]:
    """What a person was told last, the newest first."""
    query = select(Notice).where(Notice.person_id == person_id, _seen())
    return list(session.scalars(query.order_by(Notice.at.desc()).limit(MOST_LISTED)))


def unread(session: Session, person_id: int) -> int:
    """How many of them were not read."""
    mine = select(func.count()).where(Notice.person_id == person_id, _seen())
    return session.scalar(mine.where(Notice.read_at.is_(None))) or 0


def _seen() -> ColumnElement[bool]:
    """What is about an experiment that one does not see any more is not shown."""
    return Notice.experiment_id.is_(None) | Notice.experiment_id.in_(select(Experiment.id))


def mark(session: Session, person_id: int, ids: list[int] | None, *, read: bool) -> None:
    """Some of a person's notices, or all, were read; or are to be looked at again."""
    mine = update(Notice).where(Notice.person_id == person_id)
    if ids is not None:
        mine = mine.where(Notice.id.in_(ids))
    session.execute(
        mine.values(read_at=now() if read else None, count=1),
        execution_options={TOUCHES: NO_EXPERIMENT, "synchronize_session": False},
    )
    changes.add_notices(session)


def prune(session: Session) -> int:
    """Remove what was read long ago, and of each person what is beyond the newest; how many."""
    old = delete(Notice).where(Notice.read_at < now() - KEPT)
    gone = removed(session, old)
    counted = select(Notice.person_id).group_by(Notice.person_id).having(func.count() > MOST_KEPT)
    for person_id in session.scalars(counted).all():
        mine = select(Notice.id).where(Notice.person_id == person_id)
        beyond = mine.order_by(Notice.at.desc(), Notice.id.desc()).offset(MOST_KEPT)
        ids = session.scalars(beyond.limit(10 * MOST_KEPT)).all()
        gone += removed(session, delete(Notice).where(Notice.id.in_(ids)))
    if gone:
        changes.add_notices(session)
    return gone
