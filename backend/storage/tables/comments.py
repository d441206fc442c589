"""What people say to each other about results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.tables.base import Base, now


class Comment(Base):
    """A comment, Markdown, on an experiment: on the whole, one of its runs, or one of its views."""

    __tablename__ = "comments"
    __table_args__ = (Index("ix_comments_experiment", "experiment_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
    run_id: Mapped[int | None] = mapped_column(
        ForeignKey("runs.id", ondelete="CASCADE"), index=True
    )
    # The page's address of what it is about, such as /experiments/12?tab=spectra, and which figure.
    view: Mapped[str | None] = mapped_column(String(2000))
    figure: Mapped[str | None] = mapped_column(String(200))
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(100))
    # Whose name that is; of one that was imported, nobody's here.
    person_id: Mapped[int | None]
    # Whom it mentions: numbers of people by the name that it calls them.
    mentions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    created_at: Mapped[datetime] = mapped_column(default=now)
    edited_at: Mapped[datetime | None]
