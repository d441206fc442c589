"""Whether more runs are taken in: there must be disk space for them, and an end to the queue."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.scheduling import disk
from backend.settings import Settings
from backend.storage.tables import Run
from backend.web.problems import ProblemError


def admit(session: Session, settings: Settings, count: int) -> None:
    """Raise a problem where ``count`` more runs are too many, before any of them is stored."""
    state = disk.read(settings)
    if state.state == "full":
        raise ProblemError(507, f"no new runs are taken in. {state.sentence}")
    waiting = session.scalar(select(func.count()).where(Run.status == "queued")) or 0
    if waiting + count > settings.max_queued:
        raise ProblemError(
            429,
            f"{waiting} runs wait already, and {count} more are too many; allowed: up to "
            f"{settings.max_queued} (LORAONE_MAX_QUEUED)",
        )
