"""The history: found again, narrowed down, starred, tagged, archived, written about."""

from __future__ import annotations

from typing import Annotated, Literal

import pandas as pd
from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.api.answers import FILE, refuses
from backend.api.bodies import JsonRoute
from backend.api.deps import (
    CallerDep,
    CallersDep,
    DatabaseDep,
    ExperimentDep,
    FeedDep,
    Key,
    Reading,
    find_own_experiment,
)
from backend.api.kept import everything, experiment, fresh, kept
from backend.api.rights import needs
from backend.api.schemas.experiments import BestOut, ExperimentOut
from backend.api.schemas.history import (
    BulkChange,
    ExperimentChange,
    FacetOut,
    HistoryOut,
    MarkdownIn,
    MarkdownOut,
    NoteIn,
    NoteOut,
    ViewIn,
    ViewOut,
)
from backend.api.schemas.runs import ChangedOut
from backend.api.tabular import answer_table
from backend.errors import FieldProblem, ForbiddenError, InvalidError, NotFoundError
from backend.people import audit, share_links
from backend.people.caller import Caller
from backend.results import markdown_text
from backend.storage.store import changes, experiments, notes, summaries
from backend.storage.store.search import SearchError, asks_for_me
from backend.storage.store.sorting import Sort
from backend.storage.tables import Experiment, Person, SavedView
from loraone.spec.base import MOST_INT

router = APIRouter(route_class=JsonRoute, tags=["history"])

MOST_EXPORTED = 10_000
# Letters of a description in a file: all that one can have here; an imported one may be longer.
MOST_TEXT = 10_000

SortBy = Annotated[
    Sort | None, Query(description="By this column; a minus in front: from the largest on")
]


@router.get("/experiments")
@kept(everything, personal=lambda query: asks_for_me(query.get("q", "")))
@needs("read")
def history(
    session: Reading,
    q: Annotated[
        str, Query(max_length=500, description="Words and terms such as method:lora-one lr>1e-4")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=10**9)] = 0,
    sort: SortBy = None,
) -> HistoryOut:
    """Experiments, by default the newest first, and what they can be narrowed to."""
    try:
        found = experiments.find(session, q, sort)
    except SearchError as error:
        raise _wrong_search(error) from error
    listed = experiments.page(session, found.ids[offset : offset + limit])
    facets = experiments.facets(session, found)
    return HistoryOut(
        experiments=[ExperimentOut.of(row).shortened() for row in listed],
        total=len(found.ids),
        facets={
            key: [FacetOut.model_validate(facet) for facet in values]
            for key, values in facets.items()
        },
    )


@router.get("/experiments/file", response_class=Response, responses=FILE)
@fresh("a file that is asked for once")
@needs("read")
def download(
    session: Reading,
    q: Annotated[str, Query(max_length=500)] = "",
    format: Literal["csv", "parquet"] = "csv",
    sort: SortBy = None,
) -> Response:
    """All experiments that a search finds, as a table."""
    try:
        matches, _ = experiments.search(session, q, MOST_EXPORTED, 0, sort)
    except SearchError as error:
        raise _wrong_search(error) from error
    rows = [_row(ExperimentOut.of(listed).shortened(MOST_TEXT)) for listed in matches]
    return answer_table(pd.DataFrame(rows), format, "experiments")


def _row(experiment: ExperimentOut) -> dict[str, object]:
    """An experiment as a row of a file: lists as words, counts and what is ahead as columns."""
    row = experiment.model_dump(exclude={"counts", "best", "methods", "tags", "colour"})
    row["methods"], row["tags"] = ", ".join(experiment.methods), ", ".join(experiment.tags)
    row |= {f"runs_{status}": count for status, count in experiment.counts}
    ahead = experiment.best.model_dump() if experiment.best else dict.fromkeys(BestOut.model_fields)
    return row | {f"best_{name}": value for name, value in ahead.items()}


def _wrong_search(error: SearchError) -> InvalidError:
    problem = FieldProblem(path="q", message=str(error), value=error.term, allowed=error.allowed)
    return InvalidError(problem)


@router.post("/experiments/bulk")
@needs("launch", own=True)
def change_many(
    change: BulkChange, caller: CallerDep, database: DatabaseDep, feed: FeedDep
) -> ChangedOut:
    """Star, archive or tag several experiments; those that are not there are passed over, and
    none is changed where one is another's."""
    with database.write() as session:
        chosen = session.scalars(select(Experiment).where(Experiment.id.in_(change.ids))).all()
        for experiment in chosen:
            caller.check_may_change(experiment)
        tags = experiments.tags(session, [experiment.id for experiment in chosen])
        for experiment in chosen:
            _flags(experiment, change.starred, change.archived)
            named = set(tags[experiment.id])
            wanted = (named | {change.add_tag}) - {change.remove_tag, None}
            if wanted != named:
                experiments.set_tags(session, experiment.id, sorted(filter(None, wanted)))
        found = [experiment.id for experiment in chosen]
        if found:
            target = audit.numbered("experiment", found)
            audit.note(session, caller, "changed", target, _fields(change, "ids"))
        changes.add_experiments(session, found, "experiment")
    feed.wake()
    return ChangedOut(changed=len(chosen))


@router.patch("/experiments/{experiment_id}")
@needs("launch", own=True)
def change_one(
    experiment_id: Key,
    change: ExperimentChange,
    caller: CallerDep,
    callers: CallersDep,
    database: DatabaseDep,
    feed: FeedDep,
) -> ExperimentOut:
    """Rename, describe, star, archive or tag an experiment, keep it private or share it; give it to
    another person, which administrators do."""
    with database.write() as session:
        experiment = find_own_experiment(session, experiment_id, caller)
        _flags(experiment, change.starred, change.archived)
        if change.private is not None:
            experiment.private = change.private
        if change.owner is not None:
            _give(session, experiment, change.owner, caller)
        if change.name is not None:
            experiment.name = change.name
        if change.description is not None:
            experiment.description = change.description
        if change.name is not None or change.description is not None:
            experiments.index(experiment)
        if change.tags is not None:
            experiments.set_tags(session, experiment.id, change.tags)
        target = f"experiment {experiment.id}"
        audit.note(session, caller, "changed", target, _fields(change))
        changes.add_experiments(session, [experiment.id], "experiment")
        changed = ExperimentOut.of(experiments.listed(session, experiment))
    if change.private is not None or change.owner is not None:
        callers.forget()  # whether its owner sees what others do not
    feed.wake()
    return changed


def _fields(change: ExperimentChange | BulkChange, *but: str) -> str:
    """What was changed: the fields, not what they are now."""
    given = change.model_dump(exclude_none=True, exclude=set(but))
    return ", ".join(name.replace("_", " ") for name in given)


def _give(session: Session, experiment: Experiment, owner: int, caller: Caller) -> None:
    if "admin" not in caller.rights:
        raise ForbiddenError("administrators give an experiment to another person, nobody else")
    person = session.get(Person, owner)
    if person is None:
        raise NotFoundError("person", owner)
    if person.id != experiment.owner_id:
        share_links.end_of(session, experiment.id)
    experiment.owner_id, experiment.author = person.id, person.name
    summaries.summarise(session, experiment)  # it is counted with others of the author


def _flags(experiment: Experiment, starred: bool | None, archived: bool | None) -> None:
    if starred is not None:
        experiment.starred = starred
    if archived is not None:
        experiment.archived = archived


@router.get("/experiments/{experiment_id}/notes")
@kept(experiment)
@needs("read", shared=True)
def read_notes(
    session: Reading,
    experiment: ExperimentDep,
    before: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="Older versions than this one")
    ] = None,
) -> list[NoteOut]:
    """The versions of the notes, the newest first: all, or as many as one answer has room for."""
    found = notes.versions(session, experiment.id, before)
    return [NoteOut.model_validate(note) for note in found]


@router.post("/experiments/{experiment_id}/notes", status_code=201, responses=refuses(409))
@needs("launch", own=True)
def write_note(
    experiment_id: Key, note: NoteIn, caller: CallerDep, database: DatabaseDep, feed: FeedDep
) -> NoteOut:
    """A new version of the notes; 409 where somebody wrote another in between."""
    with database.write() as session:
        find_own_experiment(session, experiment_id, caller)
        row = notes.write(session, experiment_id, note.text, note.base, caller.name)
        target, detail = f"experiment {experiment_id}", f"version {row.version}"
        audit.note(session, caller, "note written", target, detail)
        changes.add_experiments(session, [experiment_id], "notes")
        written = NoteOut.model_validate(row)
    feed.wake()
    return written


@router.post("/markdown")
@needs("read", shared=True)
def read_markdown(markdown: MarkdownIn) -> MarkdownOut:
    """Markdown as HTML that is safe to show; nothing is stored."""
    return MarkdownOut(html=markdown_text.render(markdown.text))


@router.get("/views")
@kept(everything)
@needs("read")
def views(session: Reading) -> list[ViewOut]:
    """The saved searches, by name."""
    rows = session.scalars(select(SavedView).order_by(SavedView.name))
    return [ViewOut.model_validate(row) for row in rows]


@router.post("/views", status_code=201)
@needs("launch", own=True)
def save_view(view: ViewIn, caller: CallerDep, database: DatabaseDep, feed: FeedDep) -> ViewOut:
    """Save a search; one of the same name is replaced."""
    with database.write() as session:
        row = session.scalars(select(SavedView).where(SavedView.name == view.name)).first()
        if row is None:
            row = SavedView(name=view.name, query=view.query, owner_id=caller.person)
            session.add(row)
        _check_own(row, caller)
        row.query = view.query
        session.flush()
        audit.note(session, caller, "view saved", f"view {row.id}")
        changes.add_views(session)
        saved = ViewOut.model_validate(row)
    feed.wake()
    return saved


@router.delete("/views/{view_id}", status_code=204)
@needs("launch", own=True)
def delete_view(view_id: Key, caller: CallerDep, database: DatabaseDep, feed: FeedDep) -> None:
    """Forget a saved search."""
    with database.write() as session:
        row = session.get(SavedView, view_id)
        if row is None:
            raise NotFoundError("view", view_id)
        _check_own(row, caller)
        session.delete(row)
        audit.note(session, caller, "view deleted", f"view {view_id}")
        changes.add_views(session)
    feed.wake()


def _check_own(view: SavedView, caller: Caller) -> None:
    if not caller.may_change(view.owner_id):
        raise ForbiddenError(
            f"the view {view.name!r} is another's: only they and administrators may change it"
        )
