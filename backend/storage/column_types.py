"""Types of columns that SQLite and PostgreSQL would otherwise keep differently."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Integer
from sqlalchemy.types import TypeDecorator

# SQLite's whole numbers have 64 bits whatever they are called.
Large = BigInteger().with_variant(Integer, "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A time that comes back with its zone, which SQLite alone would lose."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Say that what was stored is UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value
