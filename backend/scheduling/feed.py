"""Tells the open event streams that the database has something new for them."""

from __future__ import annotations

import asyncio
import threading
from weakref import WeakKeyDictionary

from backend.scheduling.presence import Presence
from backend.scheduling.tail import ReadAfter, Tail
from backend.storage.database import Database


class Feed:
    """Wakes every waiting stream from any thread; nothing is carried but the wake-up itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._tails: WeakKeyDictionary[asyncio.AbstractEventLoop, Tail] = WeakKeyDictionary()
        self.presence = Presence()
        self.stopping = False

    def tail(self, database: Database, read: ReadAfter, newest: int) -> Tail:
        """The newest changes, for all streams of the running loop; from ``newest`` on at first."""
        loop = asyncio.get_running_loop()
        return self._tails.setdefault(loop, Tail(database, read, newest))

    def subscribe(self) -> asyncio.Event:
        """An event of the running loop that is set at every wake-up."""
        event = asyncio.Event()
        with self._lock:
            self._waiting[event] = asyncio.get_running_loop()
        return event

    def unsubscribe(self, event: asyncio.Event) -> None:
        """Stop waking ``event``."""
        with self._lock:
            self._waiting.pop(event, None)

    def wake(self) -> None:
        """Set all events."""
        with self._lock:
            waiting = list(self._waiting.items())
        for event, loop in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def stop(self) -> None:
        """End all streams: an open one keeps the server from stopping."""
        self.stopping = True
        self.wake()
