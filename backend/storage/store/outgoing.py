"""Notices on their way out, to the channels of people: written in the transaction of what happened,
gathered while they wait, and taken by one server at a time.

A row is removed after it was sent. A server that ends in between has sent it and does not know: its
claim runs out, and it is sent once more. Nothing else is ever sent twice, and nothing is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import SQLCoreOperations

from backend.storage.store.removed import removed
from backend.storage.tables import NoticeChannel, NoticeToSend, now
from backend.storage.versions import NO_EXPERIMENT, TOUCHES

# What happens within this time after the first of it goes along.
WINDOW = timedelta(seconds=60)
# A server that sends has sent within this time, or is gone.
LEASE = timedelta(minutes=2)
# What could not be sent for so long is not sent any more; the page has it.
EXPIRES = timedelta(days=7)
# One more message in this time, and so many at once after a calm.
EACH, AT_ONCE = timedelta(minutes=6), 10
# After a failure it is tried again, each time after twice the time; after so many it is paused.
FIRST_WAIT, LONGEST_WAIT, MOST_FAILURES = timedelta(minutes=1), timedelta(hours=1), 12
# Of one message, and of channels at a time.
MOST_ROWS, MOST_CHANNELS = 500, 16

_OPTIONS = {TOUCHES: NO_EXPERIMENT, "synchronize_session": False}


def add(
    session: Session,
    person_id: int,
    kind: str,
    subject: str,
    text: str,
    experiment_id: int | None,
    comment_id: int | None,
) -> None:
    """Let a notice go to those of a person's channels that want this kind."""
    channels = select(NoticeChannel).where(NoticeChannel.person_id == person_id)
    for channel in session.scalars(channels.order_by(NoticeChannel.id)).all():
        if kind not in channel.kinds:
            continue
        alike = select(NoticeToSend).where(
            NoticeToSend.channel_id == channel.id,
            NoticeToSend.kind == kind,
            NoticeToSend.subject == subject,
            _free(now()),
        )
        row = session.scalars(alike.order_by(NoticeToSend.id).limit(1)).first()
        if row is None:
            row = NoticeToSend(
                channel_id=channel.id, kind=kind, subject=subject, count=0, due=now() + WINDOW
            )
            session.add(row)
        row.count += 1
        row.text, row.at = text, now()
        row.experiment_id, row.comment_id = experiment_id, comment_id
        session.flush()


def ready(session: Session) -> Sequence[NoticeChannel]:
    """Channels to which something can be sent now, those that waited longest first."""
    at = now()
    waits = exists().where(
        NoticeToSend.channel_id == NoticeChannel.id, _past(NoticeToSend.due, at, WINDOW), _free(at)
    )
    may = and_(
        NoticeChannel.paused.is_(False),
        _past(NoticeChannel.not_before, at, LONGEST_WAIT),
        _past(NoticeChannel.calm_at, at + (AT_ONCE - 1) * EACH, EACH),
    )
    query = select(NoticeChannel).where(may, waits)
    return session.scalars(
        query.order_by(NoticeChannel.sent_at.nulls_first()).limit(MOST_CHANNELS)
    ).all()


def take(session: Session, channel: NoticeChannel, claim: str) -> Sequence[NoticeToSend]:
    """All that waits for a channel, what is not due yet too; nobody else takes it meanwhile."""
    at = now()
    query = select(NoticeToSend).where(NoticeToSend.channel_id == channel.id, _free(at))
    rows = session.scalars(query.order_by(NoticeToSend.id).limit(MOST_ROWS)).all()
    for row in rows:
        row.claim, row.claimed_until = claim, at + LEASE
    return rows


def drop(session: Session, rows: Sequence[NoticeToSend]) -> None:
    """They are sent to nobody."""
    ids = [row.id for row in rows]
    session.execute(
        delete(NoticeToSend).where(NoticeToSend.id.in_(ids)), execution_options=_OPTIONS
    )


def give_back(session: Session, channel_id: int, claim: str) -> None:
    """What was taken was not sent; somebody may take it again."""
    mine = NoticeToSend.channel_id == channel_id, NoticeToSend.claim == claim
    free = update(NoticeToSend).where(*mine).values(claim=None, claimed_until=None)
    session.execute(free, execution_options=_OPTIONS)


def count_one(channel: NoticeChannel) -> float | None:
    """Let one more message go to a channel: None, or where too many went, in how many seconds."""
    at = now()
    calm = channel.calm_at
    # A clock that was set back makes nobody wait for longer than a full bucket.
    begins = at if calm is None or calm < at or calm > at + AT_ONCE * EACH else calm
    ahead = begins + EACH - at - AT_ONCE * EACH
    if ahead > timedelta(0):
        return ahead.total_seconds()
    channel.calm_at = begins + EACH
    return None


def arrived(session: Session, channel: NoticeChannel, claim: str | None = None) -> None:
    """A message was taken, with all that was claimed for it."""
    mine = NoticeToSend.channel_id == channel.id, NoticeToSend.claim == claim
    if claim is not None:
        session.execute(delete(NoticeToSend).where(*mine), execution_options=_OPTIONS)
    channel.sent_at, channel.trouble = now(), None
    channel.failures, channel.not_before, channel.paused = 0, None, False


def failed(session: Session, channel: NoticeChannel, claim: str, why: str, *, ends: bool) -> bool:
    """A message was not taken; it is kept. Whether the channel is paused by that: after many times
    in a row, or at once where that ``ends`` it."""
    give_back(session, channel.id, claim)
    channel.failures += 1
    channel.trouble = why
    wait = FIRST_WAIT * 2 ** min(channel.failures - 1, 10)
    channel.not_before = now() + min(wait, LONGEST_WAIT)
    channel.paused = ends or channel.failures >= MOST_FAILURES
    return channel.paused


def prune(session: Session) -> int:
    """Remove what could not be sent for long; how many."""
    return removed(session, delete(NoticeToSend).where(NoticeToSend.at < now() - EXPIRES))


def _free(at: datetime) -> ColumnElement[bool]:
    """Nobody sends it just now."""
    return or_(NoticeToSend.claim.is_(None), _past(NoticeToSend.claimed_until, at, LEASE))


def _past(column: SQLCoreOperations[Any], at: datetime, most: timedelta) -> ColumnElement[bool]:
    """It is over, or nothing; a clock that was set back makes nobody wait for longer than ``most``
    that there is to wait."""
    return or_(column.is_(None), column <= at, column > at + most)
