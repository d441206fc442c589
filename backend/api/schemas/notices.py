"""What the routes about notices take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from backend.api.schemas.base import In, Out
from backend.storage.store.notices import MOST_LISTED, Kind
from loraone.spec.base import MOST_INT, at_most


class NoticeOut(Out):
    """Something that one was told of; ``count`` is how often it happened since it was read."""

    id: int
    kind: Kind
    experiment: int | None
    comment: int | None
    text: str
    count: int
    at: datetime
    read_at: datetime | None


class NoticesOut(Out):
    """One's newest notices, how many of all were not read, and the kinds that one wants."""

    notices: list[NoticeOut]
    unread: int
    kinds: list[Kind]


class NoticesRead(In):
    """That notices were read, or are to be looked at again: these, or all of them."""

    model_config = ConfigDict(extra="forbid")

    ids: (
        Annotated[
            list[Annotated[int, Field(ge=1, le=MOST_INT)]],
            Field(max_length=MOST_LISTED),
            at_most(MOST_LISTED, "notices"),
        ]
        | None
    ) = None
    read: bool = True


class NoticeChoiceIn(In):
    """The kinds of notices that one wants from now on."""

    model_config = ConfigDict(extra="forbid")

    kinds: Annotated[list[Kind], Field(max_length=20), at_most(20, "kinds")]
