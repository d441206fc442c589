"""The runs of an experiment as they go on, until all have ended.

The server's feed tells of each change. A connection that is lost is made again and goes on after
the last change that came (``Last-Event-ID``), so nothing is told twice or missed. Where no feed
comes through, as behind a proxy that gathers answers, the runs are asked for instead.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from loraone.client.connection import Connection, check
from loraone.client.errors import ClientError, ProblemError, SignInNeededError, UnreachableError
from loraone.client.models import ExperimentDetailOut, RunOut

ENDED = ("succeeded", "failed", "cancelled")

# The server says something every 15 seconds.
_SILENCE_S = 40.0
_FIRST_WORD_S = 10.0
_POLL_S = 2.0
_LONGEST_PAUSE_S = 10.0

Runs = dict[int, RunOut]


class Following:
    """Iterates over the runs of an experiment, by id, anew whenever one of them went on.

    While nobody answers, ``lost`` says why; after ``patience`` seconds of that UnreachableError is
    raised.
    """

    def __init__(self, connection: Connection, experiment: int, patience: float) -> None:
        self._connection = connection
        self._experiment = experiment
        self._patience = patience
        self._last: str | None = None
        self._streams = True
        self._runs: Runs = {}
        self._answered = 0.0
        self.lost: str | None = None

    def __iter__(self) -> Iterator[Runs]:
        """The runs as they stand now, and after each change."""
        self._answered, tries = time.monotonic(), 0
        while True:
            came = False
            try:
                for runs in self._told() if self._streams else self._asked():
                    came, self.lost, self._answered = True, None, time.monotonic()
                    yield runs
                    if self._have_ended():
                        yield self._read()  # with what they came to
                        if self._have_ended():
                            return
            except (UnreachableError, ProblemError) as error:
                self._check_patience(error)
                yield self._runs
            tries = 0 if came else tries + 1
            time.sleep(min(_LONGEST_PAUSE_S, 0.25 * 2**tries))

    def _check_patience(self, error: ClientError) -> None:
        """Note why nobody answers. Raises it where that goes on, or will not change."""
        if isinstance(error, ProblemError) and error.status < 500 and error.status != 429:
            raise error
        self.lost = error.message
        if time.monotonic() - self._answered > self._patience:
            raise error

    def _have_ended(self) -> bool:
        return all(run.status in ENDED for run in self._runs.values())

    def _read(self) -> Runs:
        path = f"/api/experiments/{self._experiment}"
        detail = self._connection.read(ExperimentDetailOut, path)
        self._runs = {run.id: run for run in detail.runs}
        return self._runs

    def _asked(self) -> Iterator[Runs]:
        """By asking again and again."""
        while True:
            yield self._read()
            time.sleep(_POLL_S)

    def _told(self) -> Iterator[Runs]:
        """By one connection to the feed, until it ends."""
        first = True
        try:
            for event in self._events():
                first = False
                if event.id:
                    self._last = event.id
                if event.event == "signed-out":
                    raise SignInNeededError("the token holds no longer", status=401)
                if event.event == "reset" or not self._runs:
                    yield self._read()
                elif changed := self._changed(event):
                    yield changed
                elif event.event == "following":
                    yield self._runs  # the connection is there again
        except UnreachableError as error:
            # What is no feed, or holds back what it says, will not be one later.
            held_back = first and isinstance(error.__cause__, httpx.ReadTimeout)
            if not held_back and not isinstance(error.__cause__, SSEError):
                raise
            self._streams = False

    def _events(self) -> Iterator[ServerSentEvent]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last is not None:
            headers["Last-Event-ID"] = self._last
        patience = _SILENCE_S if self._runs else _FIRST_WORD_S
        with self._connection.stream(
            "/api/changes",
            params={"experiment": self._experiment},
            headers=headers,
            timeout=httpx.Timeout(20, read=patience),
        ) as response:
            check(response)
            yield from EventSource(response).iter_sse()

    def _changed(self, event: ServerSentEvent) -> Runs | None:
        """The runs after a change of one; None where it says nothing of a run."""
        said = json.loads(event.data or "{}")
        run = self._runs.get(said.get("run", 0))
        if run is None or "status" not in said:
            return None
        known = {name: said[name] for name in ("status", "phase", "done", "total") if name in said}
        self._runs = {**self._runs, run.id: run.model_copy(update=known)}
        return self._runs
