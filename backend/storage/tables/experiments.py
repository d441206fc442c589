"""Experiments, and what people put on them: tags, notes, saved views."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Float, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column

from backend.storage.column_types import Large
from backend.storage.tables.base import Base, now


class Experiment(Base):
    """A grid of runs that somebody launched."""

    __tablename__ = "experiments"
    __table_args__ = (
        Index("ix_experiments_listed", "archived", "id", "group_key"),
        # In the orders that a list can have, and to look only at what a term is about.
        *(
            Index(f"ix_experiments_by_{name}", name, "id", "archived", "group_key")
            for name in ("name", "model", "data", "author", "run_count", "best_value", "starred")
        ),
        Index("ix_experiments_model", "task", "model"),
        Index("ix_experiments_private", "private", "owner_id"),
        Index("ix_experiments_owned", "owner_id", "settled"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, default="")
    spec: Mapped[dict[str, Any]]
    # What the history searches in: name, description, methods, model, data, in lower case.
    search_text: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(default=now, index=True)
    # What the history shows and filters by; the spec says the same.
    task: Mapped[str] = mapped_column(String(100), default="")
    model: Mapped[str] = mapped_column(String(500), default="")
    data: Mapped[str] = mapped_column(String(500), default="")
    author: Mapped[str] = mapped_column(String(100), default="")
    # The person of that name, whose name may change.
    owner_id: Mapped[int | None]
    # Seen by its owner and administrators alone.
    private: Mapped[bool] = mapped_column(default=False, server_default=false())
    starred: Mapped[bool] = mapped_column(default=False)
    archived: Mapped[bool] = mapped_column(default=False)
    # What its runs are that are not in the bin (:mod:`.store.summaries`).
    methods: Mapped[str] = mapped_column(Text, default="", server_default="")
    labels: Mapped[str] = mapped_column(Text, default="", server_default="")
    run_count: Mapped[int] = mapped_column(default=0, server_default="0")
    group_key: Mapped[int] = mapped_column(Large, default=0, server_default="0")
    # What is ahead in it once all its runs have ended: see :mod:`backend.storage.store.settling`.
    settled: Mapped[bool] = mapped_column(default=False, server_default=false())
    best: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    best_value: Mapped[float | None] = mapped_column(Float)


class Tag(Base):
    """A word that somebody put on an experiment, in lower case."""

    __tablename__ = "tags"
    __table_args__ = (Index("ix_tags_name", "name", "experiment_id"),)

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    name: Mapped[str] = mapped_column(String(40), primary_key=True)


class Note(Base):
    """One version of an experiment's notes, Markdown; older ones are kept."""

    __tablename__ = "notes"

    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), primary_key=True
    )
    version: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(String(100))
    created_at: Mapped[datetime] = mapped_column(default=now)


class SavedView(Base):
    """A search of the history under a name."""

    __tablename__ = "saved_views"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    query: Mapped[str] = mapped_column(String(500))
    owner_id: Mapped[int | None]
