"""A person's channels: added, changed, tested, deleted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import (
    ConflictError,
    FieldProblem,
    InvalidError,
    NotFoundError,
    TooOftenError,
    UnavailableError,
)
from backend.notifying import messages
from backend.notifying.couriers import Message, Outcome
from backend.notifying.sealing import SealError
from backend.notifying.sender import Sender
from backend.storage.database import Database
from backend.storage.store import outgoing
from backend.storage.tables import NoticeChannel

# Of one person.
MOST = 20


def listed(session: Session, person_id: int) -> Sequence[NoticeChannel]:
    """A person's, the newest first."""
    query = select(NoticeChannel).where(NoticeChannel.person_id == person_id)
    return session.scalars(query.order_by(NoticeChannel.id.desc())).all()


def of(session: Session, person_id: int | None, key: int) -> NoticeChannel:
    """One of theirs. Raises NotFoundError, also where it is another's."""
    row = session.get(NoticeChannel, key)
    if row is None or row.person_id != person_id:
        raise NotFoundError("notice channel", key)
    return row


def looked_at(sender: Sender, address: str) -> Outcome:
    """What an address is. Raises InvalidError, which does not repeat it, where nothing would be
    sent there; UnavailableError as :meth:`Couriers.carry`."""
    (outcome,) = sender.couriers.carry([Message(address)])
    if outcome is None:
        raise UnavailableError("the server is being stopped", 10)
    if outcome.reason is not None:
        raise InvalidError(FieldProblem("address", f"is refused: {outcome.reason}"))
    return outcome


def add(
    session: Session,
    sender: Sender,
    person_id: int,
    label: str,
    kinds: Sequence[str],
    address: str,
    shown: str,
) -> NoticeChannel:
    """A new one. Raises ConflictError where there are too many, UnavailableError where the address
    cannot be encrypted."""
    mine = select(func.count()).where(NoticeChannel.person_id == person_id)
    count = session.scalar(mine) or 0
    if count >= MOST:
        raise ConflictError(f"there are {count} channels; allowed: up to {MOST}: delete some")
    try:
        closed = sender.seal.closed(address)
    except (SealError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise UnavailableError(f"the address cannot be encrypted: {why}") from error
    row = NoticeChannel(
        person_id=person_id, label=label, kinds=list(kinds), address=closed, shown=shown[:300]
    )
    session.add(row)
    session.flush()
    return row


def tested(database: Database, sender: Sender, person_id: int | None, key: int) -> str | None:
    """Send a word to one of theirs; why it did not arrive, or None. Where it arrives, a channel
    that was paused goes on.

    Raises NotFoundError; TooOftenError as any message may be too many; UnavailableError.
    """
    with database.write() as session:
        row = of(session, person_id, key)
        again = outgoing.count_one(row)
        if again is not None:
            raise TooOftenError(f"many messages went to {row.label} of late", again)
        stored, label = row.address, row.label
    try:
        address = sender.seal.opened(stored)
    except SealError as error:
        outcome: Outcome | None = Outcome(str(error))
    else:
        body = f"This is a test of the channel {label}: notices arrive here."
        (outcome,) = sender.couriers.carry([Message(address, messages.TITLE, body)])
    if outcome is None:
        raise UnavailableError("the server is being stopped", 10)
    with database.write() as session:
        row = of(session, person_id, key)
        if outcome.reason is None:
            outgoing.arrived(session, row)
        else:
            row.trouble = outcome.reason
    return outcome.reason
