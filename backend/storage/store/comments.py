"""Comments: of an experiment, the newest first to be found, read in the order they were written."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, takewhile

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import ConflictError
from backend.storage.tables import Comment, now

# Of one experiment.
MOST_COMMENTS = 10_000
MAX_TEXT = 10_000
# In one answer.
MOST_LISTED, MOST_LETTERS = 200, 200_000


def add(session: Session, comment: Comment) -> None:
    """Store one. Raises ConflictError where the experiment has too many."""
    if count(session, comment.experiment_id) >= MOST_COMMENTS:
        raise ConflictError(
            f"experiment {comment.experiment_id} has {MOST_COMMENTS} comments; no more are taken"
        )
    session.add(comment)
    session.flush()


def edit(comment: Comment, text: str, mentions: dict[str, int]) -> None:
    """Give it another text."""
    if text != comment.text:
        comment.text, comment.edited_at = text, now()
    comment.mentions = mentions


def count(session: Session, experiment_id: int) -> int:
    """How many an experiment has."""
    mine = select(func.count()).where(Comment.experiment_id == experiment_id)
    return session.scalar(mine) or 0


def newest(session: Session, experiment_id: int, before: int | None = None) -> list[Comment]:
    """The newest, of those before one if given, the oldest of them first: at least one, and as
    many as one answer has room for."""
    mine = [Comment.experiment_id == experiment_id]
    if before is not None:
        mine.append(Comment.id < before)
    rows = session.execute(
        select(Comment.id, func.length(Comment.text))
        .where(*mine)
        .order_by(Comment.id.desc())
        .limit(MOST_LISTED)
    ).all()
    sizes = list(takewhile(lambda size: size <= MOST_LETTERS, accumulate(row[1] for row in rows)))
    if not rows:
        return []
    oldest = rows[max(len(sizes), 1) - 1][0]
    query = select(Comment).where(*mine, Comment.id >= oldest).order_by(Comment.id)
    return list(session.scalars(query))


def all_of(session: Session, experiment_id: int) -> Iterator[Comment]:
    """All, the oldest first, read a few at a time."""
    query = select(Comment).where(Comment.experiment_id == experiment_id).order_by(Comment.id)
    yield from session.scalars(query.execution_options(yield_per=200))
