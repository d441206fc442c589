"""Who looks at which experiment now: as long as a stream of theirs is open that says so.

It is in this process's memory and nowhere else. Of several servers on one database each knows those
who follow it; nothing that lasts is written for what is over in a moment.
"""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Looking:
    """Somebody who looks, as others see them."""

    name: str
    id: int
    colour: str


@dataclass
class _Stream:
    loop: asyncio.AbstractEventLoop
    experiment: int
    who: Looking | None


class Presence:
    """By the streams, each of which is known by what wakes it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[asyncio.Event, _Stream] = {}

    def put(self, stream: asyncio.Event, experiment: int, who: Looking | None) -> None:
        """A stream of the running loop is at an experiment; None: of one who is not named."""
        new = _Stream(asyncio.get_running_loop(), experiment, who)
        with self._lock:
            was = self._streams.get(stream)
            if was == new:
                return
            self._streams[stream] = new
        self._wake(experiment, stream)

    def take_away(self, stream: asyncio.Event) -> None:
        """It has ended, or may not see the experiment any more."""
        with self._lock:
            was = self._streams.pop(stream, None)
        if was is not None:
            self._wake(was.experiment, stream)

    def at(self, experiment: int) -> list[Looking]:
        """Who looks at an experiment, each once, by name."""
        with self._lock:
            named = {
                stream.who
                for stream in self._streams.values()
                if stream.experiment == experiment and stream.who is not None
            }
        return sorted(named)

    def _wake(self, experiment: int, but: asyncio.Event) -> None:
        """Let the other streams at it say that it is others now."""
        with self._lock:
            there = [
                (event, stream.loop)
                for event, stream in self._streams.items()
                if stream.experiment == experiment and event is not but
            ]
        for event, loop in there:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)
