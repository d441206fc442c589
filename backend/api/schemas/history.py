"""What the history's routes take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from backend.api.schemas.base import In, Out
from backend.api.schemas.experiments import ExperimentOut
from loraone.spec.base import MOST_INT, Text, at_most, storable


class FacetOut(Out):
    """A value to narrow a search to, and how many experiments have it."""

    value: str
    count: int


class HistoryOut(Out):
    """One page of experiments, newest first, and what they can be narrowed to by search key."""

    experiments: list[ExperimentOut]
    total: int
    facets: dict[str, list[FacetOut]]


TagName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, to_lower=True, min_length=1, max_length=40, pattern=r"^[^\s:\"]+$"
    ),
    AfterValidator(storable),
]


class ExperimentChange(In):
    """What may be changed of an experiment; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = None
    description: Annotated[Text, StringConstraints(max_length=10_000)] | None = None
    starred: bool | None = None
    archived: bool | None = None
    private: bool | None = None
    # A person's number; administrators change it.
    owner: Annotated[int, Field(ge=1, le=MOST_INT)] | None = None
    tags: Annotated[list[TagName], Field(max_length=30), at_most(30, "tags")] | None = None


class BulkChange(In):
    """The same change of several experiments."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[
        list[Annotated[int, Field(ge=1, le=MOST_INT)]],
        Field(min_length=1, max_length=1000),
        at_most(1000, "experiments"),
    ]
    starred: bool | None = None
    archived: bool | None = None
    add_tag: TagName | None = None
    remove_tag: TagName | None = None


class NoteIn(In):
    """A new version of the notes, on top of version ``base`` (0: there were none)."""

    text: Annotated[Text, StringConstraints(max_length=100_000)]
    base: Annotated[int, Field(ge=0, le=MOST_INT)]


class NoteOut(Out):
    """One version of an experiment's notes, in Markdown."""

    version: int
    text: str
    author: str
    created_at: datetime


class MarkdownIn(In):
    """Markdown to show."""

    text: Annotated[Text, StringConstraints(max_length=100_000)]


class MarkdownOut(Out):
    """The same as HTML that is safe to show."""

    html: str


class ViewIn(In):
    """A search of the history under a name."""

    name: Annotated[
        str,  # not Text: its length would be that before the spaces around it are taken away
        StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
        AfterValidator(storable),
    ]
    query: Annotated[Text, StringConstraints(max_length=500)]


class ViewOut(Out):
    """A saved search; ``owner`` is the person who may change it."""

    id: int
    name: str
    query: str
    owner: int | None = Field(validation_alias="owner_id")
