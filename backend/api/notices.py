"""Notices: what one is told of, whether it was read, and which kinds one wants."""

from __future__ import annotations

from fastapi import APIRouter
from sqlalchemy.orm import Session

from backend.api.bodies import JsonRoute
from backend.api.deps import CallerDep, DatabaseDep, FeedDep, Reading
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.api.schemas.notices import NoticeChoiceIn, NoticeOut, NoticesOut, NoticesRead
from backend.storage.store import notices
from backend.storage.tables import Notice

router = APIRouter(route_class=JsonRoute, tags=["notices"])


@router.get("/notices")
@fresh("it is another for everybody")
@needs("read")
def read(session: Reading, caller: CallerDep) -> NoticesOut:
    """The newest notices of whoever asks."""
    return _of(session, caller.number(session))


@router.post("/notices/read")
@needs("read", own=True)
def mark(given: NoticesRead, caller: CallerDep, database: DatabaseDep, feed: FeedDep) -> NoticesOut:
    """Say that one's notices were read, or that they were not."""
    with database.write() as session:
        person = caller.number(session)
        if person is not None:
            notices.mark(session, person, given.ids, read=given.read)
        marked = _of(session, person)
    feed.wake()
    return marked


@router.put("/notices/kinds")
@needs("read", own=True, account=True)
def choose(given: NoticeChoiceIn, caller: CallerDep, database: DatabaseDep) -> NoticesOut:
    """Choose what to be told of from now on."""
    with database.write() as session:
        person = caller.owner(session).id
        notices.choose(session, person, given.kinds)
        session.flush()
        return _of(session, person)


def _of(session: Session, person: int | None) -> NoticesOut:
    if person is None:  # nobody was told anything yet
        return NoticesOut(notices=[], unread=0, kinds=list(notices.KINDS))
    return NoticesOut(
        notices=[_out(row) for row in notices.newest(session, person)],
        unread=notices.unread(session, person),
        kinds=notices.wanted(session, person),
    )


def _out(row: Notice) -> NoticeOut:
    return NoticeOut(
        id=row.id,
        kind=row.kind,
        experiment=row.experiment_id,
        comment=row.comment_id,
        text=row.text,
        count=row.count,
        at=row.at,
        read_at=row.read_at,
    )
