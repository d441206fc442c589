"""What the routes about comments take and answer with."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from backend.api.schemas.base import In, Out
from backend.results import markdown_text
from backend.storage.store.comments import MAX_TEXT
from backend.storage.tables import Comment
from loraone.spec.base import MOST_INT, Text, storable

# Not of Text: its length would be that before the spaces around it are taken away.
CommentText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_TEXT),
    AfterValidator(storable),
]


class CommentIn(In):
    """A comment, in Markdown: on the experiment, on one of its runs, or on what a view of the page
    shows, one figure of it where that is named."""

    model_config = ConfigDict(extra="forbid")

    text: CommentText
    run: Annotated[int, Field(ge=1, le=MOST_INT)] | None = None
    view: Annotated[Text, StringConstraints(max_length=2000)] | None = None
    figure: Annotated[Text, StringConstraints(min_length=1, max_length=200)] | None = None


class CommentChange(In):
    """Another text for a comment."""

    model_config = ConfigDict(extra="forbid")

    text: CommentText


class CommentOut(Out):
    """A comment; ``html`` is its text, safe to show. ``person`` is its author's number; of one
    that was imported nobody's here."""

    id: int
    run: int | None
    view: str | None
    figure: str | None
    text: str
    html: str
    author: str
    person: int | None
    created_at: datetime
    edited_at: datetime | None

    @classmethod
    def of(cls, row: Comment) -> CommentOut:
        """From the stored row."""
        return cls(
            id=row.id,
            run=row.run_id,
            view=row.view,
            figure=row.figure,
            text=row.text,
            html=markdown_text.render(row.text, row.mentions),
            author=row.author,
            person=row.person_id,
            created_at=row.created_at,
            edited_at=row.edited_at,
        )


class CommentsOut(Out):
    """The newest comments of an experiment, the oldest of them first, and how many there are."""

    comments: list[CommentOut]
    total: int


class MentionableOut(Out):
    """Somebody who can be mentioned."""

    id: int
    name: str


class CommentersOut(Out):
    """Who can be mentioned, those first whose names come first, and what whoever asks may do:
    write, change what ``person`` wrote, delete anybody's."""

    people: list[MentionableOut]
    writes: bool
    person: int | None
    deletes_any: bool
