"""Comments: what people say to each other about an experiment, a run or a view of results."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.api.answers import refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    CallerDep,
    DatabaseDep,
    ExperimentDep,
    FeedDep,
    Key,
    Reading,
    find_experiment,
)
from backend.api.kept import experiment as its_experiment
from backend.api.kept import fresh, kept
from backend.api.rights import needs
from backend.api.schemas.comments import (
    CommentChange,
    CommentersOut,
    CommentIn,
    CommentOut,
    CommentsOut,
    MentionableOut,
)
from backend.errors import FieldProblem, ForbiddenError, InvalidError, NotFoundError
from backend.people import audit, mentionable
from backend.results import markdown_text
from backend.storage.store import changes, comments, notices, runs
from backend.storage.tables import Comment, Experiment
from loraone.spec.base import MOST_INT

router = APIRouter(route_class=JsonRoute, tags=["comments"])

# A path of the page with a search; nothing that a browser takes for another site.
_VIEW = re.compile(r"(?:/experiments/(?P<experiment>[1-9]\d{0,9})|/compare)(?:\?[!-~]*)?")


@router.get("/experiments/{experiment_id}/comments")
@kept(its_experiment)
@needs("read")
def read(
    session: Reading,
    experiment: ExperimentDep,
    before: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="Older ones than this one")
    ] = None,
) -> CommentsOut:
    """The newest comments, the oldest of them first: all, or as many as one answer has room for."""
    return CommentsOut(
        comments=[CommentOut.of(row) for row in comments.newest(session, experiment.id, before)],
        total=comments.count(session, experiment.id),
    )


@router.get("/experiments/{experiment_id}/commenters")
@fresh("it is another for everybody")
@needs("read")
def commenters(session: Reading, experiment: ExperimentDep, caller: CallerDep) -> CommentersOut:
    """Who can be mentioned in a comment, and what whoever asks may do with comments."""
    found = mentionable.people(session, experiment)
    return CommentersOut(
        people=[MentionableOut(id=person.id, name=person.name) for person in found],
        writes="launch" in caller.rights,
        person=caller.number(session),
        deletes_any="admin" in caller.rights,
    )


@router.post("/experiments/{experiment_id}/comments", status_code=201, responses=refuses(409))
@needs("launch")
def write(
    experiment_id: Key, given: CommentIn, caller: CallerDep, database: DatabaseDep, feed: FeedDep
) -> CommentOut:
    """Comment on an experiment that one sees; 409 where it has too many comments."""
    with database.write() as session:
        experiment = find_experiment(session, experiment_id)
        _check_about(session, experiment_id, given)
        comment = Comment(
            experiment_id=experiment_id,
            run_id=given.run,
            view=given.view,
            figure=given.figure,
            text=given.text,
            author=caller.name,
            person_id=caller.owner(session).id,
            mentions=_mentions(session, experiment, given.text),
        )
        comments.add(session, comment)
        session.flush()
        about = f"experiment {experiment_id}"
        audit.note(session, caller, "commented", f"comment {comment.id}", about)
        notices.mentioned(session, comment, {})
        changes.add_experiments(session, [experiment_id], "comments")
        written = CommentOut.of(comment)
    feed.wake()
    return written


def _mentions(session: Session, experiment: Experiment, text: str) -> dict[str, int]:
    return mentionable.resolve(session, experiment, markdown_text.called(text))


def _check_about(session: Session, experiment_id: int, given: CommentIn) -> None:
    """Raise InvalidError where it is about something that is not this experiment's."""
    if given.run is not None:
        run = runs.get(session, given.run)
        if run is None or run.experiment_id != experiment_id:
            allowed = f"a run of experiment {experiment_id}"
            raise InvalidError(FieldProblem("run", "is none of its runs", given.run, allowed))
    if given.view is not None:
        match = _VIEW.fullmatch(given.view)
        if match is None or match["experiment"] not in (None, str(experiment_id)):
            allowed = f"/experiments/{experiment_id} or /compare, with a search"
            raise InvalidError(
                FieldProblem("view", "is no address of a view of it", given.view, allowed)
            )


@router.patch("/comments/{comment_id}")
@needs("launch", own=True)
def edit(
    comment_id: Key,
    change: CommentChange,
    caller: CallerDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> CommentOut:
    """Change one's own comment."""
    with database.write() as session:
        comment, experiment = _find(session, comment_id)
        if comment.person_id is None or comment.person_id != caller.owner(session).id:
            raise ForbiddenError(f"comment {comment_id} is {comment.author}'s: only they change it")
        before = comment.mentions
        comments.edit(comment, change.text, _mentions(session, experiment, change.text))
        audit.note(session, caller, "comment changed", f"comment {comment_id}")
        notices.mentioned(session, comment, before)
        changes.add_experiments(session, [comment.experiment_id], "comments")
        edited = CommentOut.of(comment)
    feed.wake()
    return edited


@router.delete("/comments/{comment_id}", status_code=204)
@needs("launch", own=True)
def delete(comment_id: Key, caller: CallerDep, database: DatabaseDep, feed: FeedDep) -> None:
    """Delete one's own comment; administrators also others'."""
    with database.write() as session:
        comment, _ = _find(session, comment_id)
        if not caller.may_change(comment.person_id):
            raise ForbiddenError(
                f"comment {comment_id} is {comment.author}'s: only they and administrators "
                "delete it"
            )
        changes.add_experiments(session, [comment.experiment_id], "comments")
        audit.note(session, caller, "comment deleted", f"comment {comment_id}")
        session.delete(comment)
    feed.wake()


def _find(session: Session, comment_id: int) -> tuple[Comment, Experiment]:
    """A comment and what it is about; it is not there for whoever does not see that."""
    comment = session.scalars(select(Comment).where(Comment.id == comment_id)).one_or_none()
    if comment is None:
        raise NotFoundError("comment", comment_id)
    return comment, find_experiment(session, comment.experiment_id)
