"""Notes of experiments: every version is kept, and nobody overwrites what they have not seen."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.errors import ConflictError
from backend.storage.tables import Note

# Letters in a list of versions.
MOST_LISTED = 2_400_000


class StaleNoteError(ConflictError):
    """Somebody else wrote the version ``latest`` in between."""

    def __init__(self, latest: Note) -> None:
        super().__init__(
            f"not saved: version {latest.version} was written by {latest.author} in between; "
            "copy your text and reload"
        )


def latest(session: Session, experiment_id: int) -> Note | None:
    """The newest version; None where there are no notes."""
    query = select(Note).where(Note.experiment_id == experiment_id)
    return session.scalars(query.order_by(Note.version.desc()).limit(1)).first()


def versions(
    session: Session, experiment_id: int, before: int | None = None, most: int = MOST_LISTED
) -> list[Note]:
    """The newest versions, of those ``before`` one if given, the newest first: at least one, and
    as many as have up to ``most`` letters together."""
    mine = [Note.experiment_id == experiment_id]
    if before is not None:
        mine.append(Note.version < before)
    length = func.length(Note.text)
    rows = session.execute(
        select(Note.version, length).where(*mine).order_by(Note.version.desc())
    ).all()
    sizes = accumulate(size for _, size in rows)
    chosen = [number for i, ((number, _), size) in enumerate(zip(rows, sizes, strict=True))
              if i == 0 or size <= most]  # fmt: skip
    if not chosen:
        return []
    query = select(Note).where(*mine, Note.version >= chosen[-1]).order_by(Note.version.desc())
    return list(session.scalars(query))


def history(session: Session, experiment_id: int) -> Iterator[Note]:
    """All versions, the oldest first, read a few at a time."""
    query = select(Note).where(Note.experiment_id == experiment_id).order_by(Note.version)
    yield from session.scalars(query.execution_options(yield_per=20))


def write(session: Session, experiment_id: int, text: str, base: int, author: str) -> Note:
    """A new version on top of version ``base`` (0: there was none).

    Raises StaleNoteError where ``base`` is not the newest any more.
    """
    known = latest(session, experiment_id)
    if known is not None and known.version != base:
        raise StaleNoteError(known)
    note = Note(experiment_id=experiment_id, version=base + 1, text=text, author=author)
    session.add(note)
    session.flush()
    return note
