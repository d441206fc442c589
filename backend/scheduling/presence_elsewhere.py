"""Tells other servers on one PostgreSQL who looks at what here, and learns it of them.

Nothing is written: who looks at an experiment is a shared advisory lock, of its number and the
person's, which the server's own connection holds meanwhile. It is gone with the connection, however
the server ends; and answers that are kept stay right, as no transaction commits.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backend.people.colours import colour
from backend.scheduling.presence import Looking, Presence
from backend.storage.database import Database

# How often it looks, while anybody here looks at an experiment.
LOOK_S = 1.0
# Locks are in the memory of the database's server, which all that use it share.
MOST_HERE = 500
# Locks of two numbers are these alone; the others of this house have one.
_THERE = text(
    "SELECT l.classid::bigint, p.id, p.name FROM pg_locks l JOIN people p ON p.id = l.objid::bigint"
    " WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.pid <> pg_backend_pid()"
)
_BEGIN = text("SELECT pg_try_advisory_lock_shared(:experiment, :person)")
_END = text("SELECT pg_advisory_unlock_shared(:experiment, :person)")

log = logging.getLogger(__name__)


class PresenceElsewhere:
    """A thread and a connection, where several servers may share the database."""

    def __init__(self, database: Database, presence: Presence) -> None:
        self._database, self._presence = database, presence
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep_going, name="presence", daemon=True)
        self._connection: Connection | None = None
        self._told: set[tuple[int, int]] = set()

    def start(self) -> None:
        """Begin, where there may be others."""
        if self._database.shared:
            self._thread.start()

    def stop(self) -> None:
        """Nobody looks here any more."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(timeout=5)

    def _keep_going(self) -> None:
        failed = False
        while not self._stopping.wait(LOOK_S):
            try:
                self._look()
                failed = False
            except DBAPIError as error:  # the database is away: others there are not known either
                if not failed:
                    log.warning("who looks on other servers is not known: %s", error.orig)
                failed = True
                self._leave()
        self._leave()

    def _look(self) -> None:
        here = self._presence.here()
        if here is None:
            self._leave()
            return
        if self._connection is None:
            self._connection = self._database.engine.connect()
            self._connection.execution_options(isolation_level="AUTOCOMMIT")
            self._connection.detach()  # nobody else is to have it, nor its locks
        wanted = set(sorted(here)[:MOST_HERE])
        for statement, pairs in ((_END, self._told - wanted), (_BEGIN, wanted - self._told)):
            for experiment, person in pairs:
                self._connection.execute(statement, {"experiment": experiment, "person": person})
        self._told = wanted
        there: defaultdict[int, set[Looking]] = defaultdict(set)
        for experiment, person, name in self._connection.execute(_THERE):
            there[experiment].add(Looking(name, person, colour(person)))
        self._presence.elsewhere({key: frozenset(who) for key, who in there.items()})

    def _leave(self) -> None:
        """Close the connection, and with it give back all locks."""
        connection, self._connection = self._connection, None
        self._told = set()
        if connection is not None:
            connection.close()
            self._presence.elsewhere({})
