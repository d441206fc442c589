"""What the routes about notices take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from backend.api.schemas.base import In, Out
from backend.api.schemas.people import PersonName
from backend.storage.store.notices import MOST_LISTED, Kind, Told
from loraone.spec.base import MOST_INT, at_most


class NoticeOut(Out):
    """Something that one was told of; ``count`` is how often it happened since it was read."""

    id: int
    kind: Told
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


Kinds = Annotated[list[Kind], Field(max_length=20), at_most(20, "kinds")]


class NoticeChoiceIn(In):
    """The kinds of notices that one wants from now on."""

    model_config = ConfigDict(extra="forbid")

    kinds: Kinds


class NoticeChannelIn(In):
    """Where one wants notices besides the page, and which; the address is shown to nobody again."""

    model_config = ConfigDict(extra="forbid")

    label: PersonName
    address: Annotated[
        SecretStr,
        Field(min_length=1, max_length=2000, description="As apprise writes it: mailtos://…"),
    ]
    kinds: Kinds


class NoticeChannelChange(In):
    """What is another of a channel."""

    model_config = ConfigDict(extra="forbid")

    label: PersonName | None = None
    kinds: Kinds | None = None


class NoticeChannelOut(Out):
    """A channel; ``shown`` is its address without what may be a secret, ``trouble`` why the last
    message did not arrive. One that is ``paused`` is sent nothing until a test of it arrives."""

    id: int
    label: str
    shown: str
    kinds: list[Kind]
    created_at: datetime
    sent_at: datetime | None
    trouble: str | None
    paused: bool


class NoticeChannelsOut(Out):
    """One's channels, what addresses may begin with here, and, where notices cannot be sent, how
    that is changed."""

    channels: list[NoticeChannelOut]
    schemas: list[str]
    missing: str | None


class NoticeTestOut(Out):
    """What came of a test: why it did not arrive, or null."""

    reason: str | None
