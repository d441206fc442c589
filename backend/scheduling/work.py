"""What the scheduler and its lanes share: the database, the feed of changes, and what a job is.

It knows neither lanes nor devices.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Literal, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    sleep_using_event,
    stop_when_event_set,
    wait_chain,
    wait_fixed,
)

from backend.people import registry
from backend.scheduling.feed import Feed
from backend.scheduling.jobs import Job
from backend.scheduling.mirroring import Mirroring
from backend.settings import Settings
from backend.storage.database import Database
from backend.storage.store import notices
from backend.storage.tables import Run
from loraone.spec import stored

log = logging.getLogger(__name__)

_T = TypeVar("_T")

# While the database cannot be written it is tried again, after waits that grow to the last.
WAITS_S = (0.1, 0.3, 1.0, 3.0, 5.0)
# A lane looks for work at least so often: other servers queue runs too, and wake nobody here.
IDLE_S = 1.0


class Work:
    """The queue's work as lanes see it: woken when there is some, they write what came of it."""

    def __init__(self, database: Database, feed: Feed, settings: Settings) -> None:
        self.database = database
        self.feed = feed
        self.settings = settings
        self.mirroring = Mirroring(database, settings)
        # Why nothing can be written at the moment, as a sentence for the page.
        self.trouble: str | None = None
        self._changed = threading.Condition()

    def tell(
        self, session: Session, kind: Literal["lane", "disk"], subject: str, text: str
    ) -> None:
        """Tell whoever sees to this machine."""
        alone = self.settings.auth == "none"
        here = registry.named(session, self.settings.user).id if alone else None
        notices.of_machine(session, kind, subject, text, here)

    def wake(self) -> None:
        """Say that there may be work."""
        with self._changed:
            self._changed.notify_all()

    def wait(self) -> None:
        """Wait until :meth:`wake`, or a second, whichever is first."""
        with self._changed:
            self._changed.wait(timeout=IDLE_S)

    def job(self, run: Run) -> Job:
        """The job that this attempt at ``run`` sends to a worker.

        Raises SpecError where today's rules refuse its stored spec.
        """
        settings = self.settings
        attempt = str(run.attempt)
        return Job(
            run.id,
            run.attempt,
            stored.run(run.spec).spec,
            settings.artifacts / str(run.id) / attempt,
            tuple(settings.roots),
            settings.logs / str(run.id) / f"{attempt}.log",
            settings.gradients,
            settings.checkpoints / str(run.id),
        )

    def write(self, action: Callable[[Session], _T], stopping: threading.Event) -> _T:
        """Do it in the database, again and again while that cannot be written: what a run has
        measured is worth waiting for a disk, a lock, or a database that starts again.

        Raises the database's error where waiting does not help, or when ``stopping`` is set.
        """
        retrying = Retrying(
            retry=retry_if_exception(_is_passing),
            wait=wait_chain(*map(wait_fixed, WAITS_S)),
            sleep=sleep_using_event(stopping),
            stop=stop_when_event_set(stopping),
            before_sleep=self._tell_trouble,
            reraise=True,
        )
        result: _T = retrying(self._write_once, action)
        return result

    def _write_once(self, action: Callable[[Session], _T]) -> _T:
        with self.database.write() as session:
            result = action(session)
        self.trouble = None
        return result

    def _tell_trouble(self, state: RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        assert isinstance(error, DBAPIError), "nothing else is tried again"
        self.trouble = f"The database cannot be written: {error.orig}"
        name = threading.current_thread().name
        log.warning("%s: %s; trying again", name, self.trouble)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and Database.is_passing(error)
