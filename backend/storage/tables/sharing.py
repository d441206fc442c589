"""Share links: what somebody without an account may look at, for a while."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.tables.base import Base, now


class ShareLink(Base):
    """One view of the page, read only; ``secret`` is the hash of what the link ends with.

    ``shows`` are the experiments and runs that stood in it when it was made.
    """

    __tablename__ = "share_links"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int | None] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), index=True
    )
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    # Such as /experiments/12?tab=spectra.
    view: Mapped[str] = mapped_column(String(20_000))
    shows: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
