"""People, how they sign in, and what they were given to come with: only hashes of secrets."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Literal

from sqlalchemy import Float, ForeignKey, Index, String, Text, false
from sqlalchemy.orm import Mapped, mapped_column, validates

from backend.storage.tables.base import Base, now


def name_key(name: str) -> str:
    """The same of all names that read alike: whatever the case of their letters, however they were
    typed, in whichever of several forms a letter has."""
    known = " ".join(unicodedata.normalize("NFKC", name).split())
    return unicodedata.normalize("NFKC", known.casefold())


# What people may do here; each may what the one before may.
Role = Literal["viewer", "editor", "administrator"]
# And what of it a token may.
Right = Literal["read", "launch", "admin"]
# A name alone: who launched something before there were accounts, or without one.
NAMED = "named"


class Person(Base):
    """Somebody who launched or wrote something, or may.

    ``source`` says who vouches for them: ``local`` (a password here), ``oidc`` (``subject`` is the
    issuer's name for them), ``proxy``, or nobody: one that is ``named`` cannot sign in, and an
    account can claim what is theirs.
    """

    __tablename__ = "people"
    __table_args__ = (
        Index("ix_people_subject", "source", "subject", unique=True),
        # Not unique: two may have been here before they were one name.
        Index("ix_people_name_key", "name_key", "id"),
        {"sqlite_autoincrement": True},  # nobody inherits what was somebody's
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(100), unique=True)
    name_key: Mapped[str] = mapped_column(Text, default="", server_default="")
    email: Mapped[str | None] = mapped_column(String(320))
    source: Mapped[str] = mapped_column(String(10), default=NAMED)
    subject: Mapped[str | None] = mapped_column(String(500))
    role: Mapped[Role] = mapped_column(String(20), default="viewer")
    password: Mapped[str | None] = mapped_column(String(500))
    disabled: Mapped[bool] = mapped_column(default=False, server_default=false())
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]
    # What they may use, where that is not what the settings say.
    quota_runs: Mapped[int | None]
    quota_disk_gb: Mapped[float | None] = mapped_column(Float)
    quota_lane_hours: Mapped[float | None] = mapped_column(Float)

    @validates("name")
    def _under(self, _: str, name: str) -> str:
        """Wherever a name is set, what it is found under is set with it."""
        self.name_key = name_key(name)
        return name


class SignIn(Base):
    """A browser in which somebody is signed in; ``secret`` is the hash of its cookie."""

    __tablename__ = "sign_ins"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    address: Mapped[str] = mapped_column(String(100))
    browser: Mapped[str] = mapped_column(String(300), default="")


class AccessToken(Base):
    """What a program comes with in place of a person; ``secret`` is its hash."""

    __tablename__ = "access_tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    scope: Mapped[Right] = mapped_column(String(20))
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)
    used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]


class Invitation(Base):
    """A link that works once: makes an account (the first one is the administrator's), or gives
    one that there is a new password. ``secret`` is its hash."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))  # setup, invite, reset
    secret: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role | None] = mapped_column(String(20))
    # Whose password it sets; of an invitation, whom the account claims to be.
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Attempt(Base):
    """Wrong passwords of late, by account or address (a hash of either), which slows them down."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int] = mapped_column(default=0)
    last_at: Mapped[datetime] = mapped_column(default=now)


class AuditRow(Base):
    """Who did what, and from where; never changed."""

    __tablename__ = "audit"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    # Not a reference: it stands longer than anybody's account.
    person_id: Mapped[int | None] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(100))
    action: Mapped[str] = mapped_column(String(40))
    # Such as "experiment 12".
    target: Mapped[str] = mapped_column(String(200), default="")
    address: Mapped[str] = mapped_column(String(100), default="")
    detail: Mapped[str] = mapped_column(String(1000), default="")
