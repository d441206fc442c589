"""The live feed: Server-Sent Events that go on where a browser left off."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Container, Coroutine, Sequence
from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from sqlalchemy import select

from backend.api.answers import sends
from backend.api.deps import CallerDep, CallersDep, DatabaseDep, FeedDep
from backend.api.kept import fresh
from backend.api.rights import needs
from backend.people.caller import Caller
from backend.people.colours import colour
from backend.scheduling.feed import Feed
from backend.scheduling.presence import Looking, Presence
from backend.storage.audience import Audience, looking_into_bin, reading_for
from backend.storage.database import Database
from backend.storage.store import changes, notices
from backend.storage.tables import Experiment
from loraone.spec.base import MOST_INT

router = APIRouter(tags=["changes"])


# Names this process, so that a page knows whether it has come back to the same one.
SERVER = secrets.token_hex(8)
PING_SECONDS = 15
# Where other servers write too, nothing here wakes the streams: they ask by themselves.
POLL_SECONDS = 1

Row = tuple[int, str, dict[str, object]]

_ID = re.compile(r"[0-9]{1,18}")


@router.get("/changes", response_class=StreamingResponse, responses=sends("text/event-stream"))
@fresh("it goes on")
@needs("read")
async def follow(
    request: Request,
    caller: CallerDep,
    callers: CallersDep,
    database: DatabaseDep,
    feed: FeedDep,
    experiment: Annotated[
        int | None, Query(ge=1, le=MOST_INT, description="Of this experiment alone")
    ] = None,
    after: Annotated[
        int | None, Query(ge=0, le=MOST_INT, description="Start after this change")
    ] = None,
    at: Annotated[
        int | None,
        Query(ge=1, le=MOST_INT, description="Whoever follows looks at this experiment"),
    ] = None,
    last_event_id: Annotated[str | None, Header(max_length=1000)] = None,
) -> StreamingResponse:
    """Changes of runs and experiments as they happen, from ``Last-Event-ID``, from ``after``, or
    from now on.

    First a ``following`` event says after which change, which server follows, since another one may
    know other methods, and how many notices one has not read. A ``reset`` event says that changes
    were missed for good: read everything anew. A ``signed-out`` event says that whoever follows may
    not any more. With ``at``, a ``presence`` event says who looks at the experiment, on
    whichever server, each time that it is others; of that nothing is kept, and programs and guests
    are not named.
    """

    async def follower() -> Caller | None:
        """Who follows, by what they may do now."""
        return await callers.of(request.headers, caller.address, trusted=caller.way == "proxy")

    # What is no number of ours, such as one of another server, is none.
    known = int(last_event_id) if last_event_id and _ID.fullmatch(last_event_id) else after

    async def gone() -> None:
        """Until whoever followed has left; a stream that is silent would not notice."""
        while (await request.receive())["type"] != "http.disconnect":
            pass

    # Not FastAPI's EventSourceResponse: its pinging task raises when a browser goes away.
    return StreamingResponse(
        _stream(database, feed, experiment, at, known, caller, follower, gone),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def _stream(
    database: Database,
    feed: Feed,
    experiment: int | None,
    at: int | None,
    known: int | None,
    first: Caller,
    follower: Callable[[], Awaitable[Caller | None]],
    gone: Callable[[], Coroutine[None, None, None]],
) -> AsyncIterator[bytes]:
    waiting = feed.subscribe()
    leaving = asyncio.create_task(gone())
    leaving.add_done_callback(lambda _: waiting.set())
    try:
        oldest, newest, unread = await run_in_threadpool(_beginning, database, first)
        if known is not None and not oldest - 1 <= known <= newest:
            # Pruned in between, or numbers of another database, such as before a restore.
            yield format_sse_event(data_str="{}", event="reset", id=str(newest))
            known = newest
        known = newest if known is None else known
        begin = {"after": known, "server": SERVER, "unread": unread}
        yield format_sse_event(data_str=json.dumps(begin), event="following")
        quiet = 0
        there: list[Looking] = []
        while not feed.stopping and not leaving.done():
            waiting.clear()
            caller = await follower()
            if caller is None:
                yield format_sse_event(data_str="{}", event="signed-out")
                return
            rows, seen = await feed.tail(database, _after, known).after(known, experiment)
            seen_by = await run_in_threadpool(_seen, database, rows, at, caller.audience)
            before, there = there, _there(feed.presence, waiting, at, caller, seen_by)
            if there != before:
                said = {"experiment": at, "people": [asdict(one) for one in there]}
                yield format_sse_event(data_str=json.dumps(said), event="presence")
            for key, kind, data in rows:
                if data["experiment"] not in seen_by:
                    continue
                yield format_sse_event(data_str=json.dumps(data), event=kind, id=str(key))
            known = seen
            if rows:
                quiet = 0
                continue
            patience = POLL_SECONDS if database.shared else PING_SECONDS
            try:
                await asyncio.wait_for(waiting.wait(), patience)
                await asyncio.sleep(0.05)  # changes come in bursts: send them together
            except TimeoutError:
                quiet += patience
                if quiet >= PING_SECONDS:
                    quiet = 0
                    yield format_sse_event(comment="ping")
    finally:
        leaving.cancel()
        feed.presence.take_away(waiting)
        feed.unsubscribe(waiting)


def _there(
    presence: Presence,
    stream: asyncio.Event,
    at: int | None,
    caller: Caller,
    seen: Container[object],
) -> list[Looking]:
    """Who looks at what the stream is at, from now on also whoever follows; nobody where they may
    not see it (any more)."""
    if at is None or at not in seen:
        presence.take_away(stream)
        return []
    here = caller.person is not None and caller.way in ("session", "proxy")
    who = Looking(caller.name, caller.person or 0, colour(caller.person)) if here else None
    presence.put(stream, at, who)
    return presence.at(at)


def _seen(
    database: Database, rows: Sequence[Row], at: int | None, audience: Audience
) -> Container[object]:
    """Whose changes may be told: those that the audience sees, and those of nobody."""
    named = {int(str(data["experiment"])) for _, _, data in rows} | {at} - {None}
    if audience.everything or not named:
        return named
    # Also of what has just been deleted: whoever has it open learns of it.
    with reading_for(audience), looking_into_bin(), database.read() as session:
        query = select(Experiment.id).where(Experiment.id.in_(named))
        return {0, *session.scalars(query)}


def _beginning(database: Database, caller: Caller) -> tuple[int, int, int]:
    """The oldest and the newest change that is kept, and how many notices one has not read."""
    with reading_for(caller.audience), database.read() as session:
        person = caller.number(session)
        unread = 0 if person is None else notices.unread(session, person)
        return *changes.bounds(session), unread


def _after(
    database: Database, last: int, experiment: int | None
) -> list[tuple[int, str, dict[str, object]]]:
    with database.read() as session:
        return [
            (row.id, row.kind, {"run": row.run_id, "experiment": row.experiment_id, **row.payload})
            for row in changes.after(session, last, experiment)
        ]
