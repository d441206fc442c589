"""Who looks at which experiment now: as long as a stream of theirs is open that says so.

It is in this process's memory; nothing that lasts is written for what is over in a moment. Of
several servers on one database each knows those who follow it, and is told of those who follow
others (:mod:`.presence_elsewhere`).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
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
        self._elsewhere: Mapping[int, frozenset[Looking]] = {}

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
            named = {who.id: who for who in self._elsewhere.get(experiment, ())}
            for stream in self._streams.values():
                if stream.experiment == experiment and stream.who is not None:
                    named[stream.who.id] = stream.who
        return sorted(named.values())

    def here(self) -> set[tuple[int, int]] | None:
        """The numbers of experiments and of who looks at them on this server; None where nobody
        does, named or not."""
        with self._lock:
            streams = list(self._streams.values())
        if not streams:
            return None
        return {(each.experiment, each.who.id) for each in streams if each.who is not None}

    def elsewhere(self, there: Mapping[int, frozenset[Looking]]) -> None:
        """Who looks on other servers, by experiment."""
        with self._lock:
            before, self._elsewhere = self._elsewhere, there
        for experiment in before.keys() | there.keys():
            if before.get(experiment) != there.get(experiment):
                self._wake(experiment)

    def _wake(self, experiment: int, but: asyncio.Event | None = None) -> None:
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
