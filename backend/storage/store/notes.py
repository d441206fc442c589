"""Notes of experiments: every version is kept, and nobody overwrites what they have not seen."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.errors import ConflictError
from backend.storage.tables import Note


class StaleNoteError(ConflictError):
    """Somebody else wrote the version ``latest`` in between."""

    def __init__(self, latest: Note) -> None:
        super().__init__(
            f"not saved: version {latest.version} was written by {latest.author} in between; "
            "copy your text and reload"
        )


def versions(session: Session, experiment_id: int) -> list[Note]:
    """All versions, the newest first."""
    query = select(Note).where(Note.experiment_id == experiment_id).order_by(Note.version.desc())
    return list(session.scalars(query))


def write(session: Session, experiment_id: int, text: str, base: int, author: str) -> Note:
    """A new version on top of version ``base`` (0: there was none).

    Raises StaleNoteError where ``base`` is not the newest any more.
    """
    known = versions(session, experiment_id)
    if known and known[0].version != base:
        raise StaleNoteError(known[0])
    note = Note(experiment_id=experiment_id, version=base + 1, text=text, author=author)
    session.add(note)
    session.flush()
    return note
