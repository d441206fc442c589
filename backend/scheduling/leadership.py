"""Which of several servers on one database runs the queue: the one that holds its lock.

SQLite has one server by the lock on its folder (:mod:`backend.storage.folder_lock`). PostgreSQL's
advisory lock belongs to a connection: it is given back when the server ends, however it ends.
"""

from __future__ import annotations

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from backend.storage.database import Database

# Any number, as long as all servers use the same one: "loraone" in ASCII.
KEY = 0x6C6F72616F6E65


class Leadership:
    """Asked again and again; tells whether this server is the one."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None

    def held(self, led: bool) -> bool:
        """Whether this server runs the queue now, which it did (``led``) or did not until now.

        Where the database does not answer nothing changes: nobody else can take over either.
        """
        if not self._database.shared:
            return True
        try:
            if self._connection is not None and self._answers(self._connection):
                return True
            connection = self._database.engine.connect().execution_options(
                isolation_level="AUTOCOMMIT"
            )
            query = text("SELECT pg_try_advisory_lock(:key)")
            if connection.scalar(query, {"key": KEY}):
                self._connection = connection
                return True
            connection.close()
            return False
        except DBAPIError:
            self.give_up()
            return led

    @staticmethod
    def _answers(connection: Connection) -> bool:
        try:
            connection.execute(text("SELECT 1"))
        except DBAPIError:
            return False
        return True

    def give_up(self) -> None:
        """Close the connection, and with it give the lock to whoever asks next."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
