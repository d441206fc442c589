"""What people are told of."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.tables.base import Base, now


class Notice(Base):
    """Something that one person is told of: one row for each kind and what it is about, which is
    written again when it happens again."""

    __tablename__ = "notices"
    __table_args__ = (
        Index("ix_notices_once", "person_id", "kind", "subject", unique=True),
        Index("ix_notices_listed", "person_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    # What it is about: "experiment 12", "lane CPU", "disk".
    subject: Mapped[str] = mapped_column(String(120))
    experiment_id: Mapped[int | None] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    comment_id: Mapped[int | None] = mapped_column(
        ForeignKey("comments.id", ondelete="CASCADE"), index=True
    )
    text: Mapped[str] = mapped_column(String(1000))
    # How often it happened since it was read last.
    count: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime] = mapped_column(default=now)
    read_at: Mapped[datetime | None]


class NoticeChoice(Base):
    """Which kinds a person wants; those who never chose want all."""

    __tablename__ = "notice_choices"

    person_id: Mapped[int] = mapped_column(
        ForeignKey("people.id", ondelete="CASCADE"), primary_key=True
    )
    kinds: Mapped[list[str]] = mapped_column(JSON)
