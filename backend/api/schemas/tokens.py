"""What the routes about access tokens take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from backend.api.schemas.base import In, Out
from backend.api.schemas.people import PersonName
from backend.people.roles import Right


class TokenIn(In):
    """A new token: what it is for, what it may, and for how long."""

    name: PersonName
    scope: Right = "read"
    days: Annotated[
        int | None, Field(ge=1, le=3650, description="How long it holds; null: until it is deleted")
    ] = 90


class TokenOut(Out):
    """An access token, without what a program comes with."""

    id: int
    name: str
    scope: Right
    created_at: datetime
    used_at: datetime | None
    expires_at: datetime | None


class TokenMadeOut(TokenOut):
    """A new one with its ``secret``, which is shown now and never again."""

    secret: str
