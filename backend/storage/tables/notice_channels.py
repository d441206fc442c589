"""Where people have their notices sent besides the page, and what is still to be sent there."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import JSON, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.tables.base import Base, now


class NoticeChannel(Base):
    """An address of one person's, with the kinds of notices that are sent to it.

    ``address`` holds secrets and is encrypted (:mod:`backend.notifying.sealing`); ``shown`` is what
    of it anybody is shown, its owner too.
    """

    __tablename__ = "notice_channels"
    # What is told of a channel is told by its number: none has it again.
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    label: Mapped[str] = mapped_column(String(100))
    kinds: Mapped[list[str]] = mapped_column(JSON)
    address: Mapped[str] = mapped_column(Text)
    shown: Mapped[str] = mapped_column(String(300))
    created_at: Mapped[datetime] = mapped_column(default=now)
    # When something arrived last, and why the last did not, if it did not.
    sent_at: Mapped[datetime | None]
    trouble: Mapped[str | None] = mapped_column(String(500))
    # How often in a row, and when it is tried again; one that is paused is not.
    failures: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    paused: Mapped[bool] = mapped_column(default=False, server_default=false())
    # When it will have made up for all that was sent: what its rate is told by.
    calm_at: Mapped[datetime | None]


class NoticeToSend(Base):
    """A notice that waits for being sent to a channel: of one kind about one thing, so often."""

    __tablename__ = "notices_to_send"
    __table_args__ = (Index("ix_notices_to_send_due", "channel_id", "due"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("notice_channels.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    subject: Mapped[str] = mapped_column(String(120))
    experiment_id: Mapped[int | None] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    comment_id: Mapped[int | None] = mapped_column(
        ForeignKey("comments.id", ondelete="CASCADE"), index=True
    )
    text: Mapped[str] = mapped_column(String(1000))
    count: Mapped[int] = mapped_column(default=1)
    at: Mapped[datetime] = mapped_column(default=now)
    due: Mapped[datetime]
    # Who is sending it, and until when nobody else tries.
    claim: Mapped[str | None] = mapped_column(String(32))
    claimed_until: Mapped[datetime | None]
