"""Mirrors of runs, as those see them who run: told at once, waited for by nobody.

A mirror that is slow leaves numbers out, one that fails or hangs says so and is given up.
"""

from __future__ import annotations

import multiprocessing
import queue
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from loraone.events import Event
from loraone.tracking.origin import Origin
from loraone.tracking.process import Limits, main
from loraone.tracking.rows import INTERRUPTED, row, status

# After its end a run is mirrored for so long; what is not taken by then is given up. A first run
# may make the tracker's database meanwhile.
GRACE_S = 60.0
# Runs that are mirrored at a time, each by a process.
MOST = 16
# Events that wait for the process, such as while it starts.
_WAITING = 10_000

Warn = Callable[[str], None]


class Mirrors:
    """The mirrors of one program; processes are kept for the next run for a while."""

    def __init__(
        self, folder: Path, *, limits: Limits | None = None, grace_s: float = GRACE_S
    ) -> None:
        """``folder`` is where trackers write what nobody names another place for."""
        self.folder = folder
        self.limits = limits or Limits()
        self.grace_s = grace_s
        self.stopped = False
        self._lock = threading.Lock()
        self._idle: list[Peer] = []
        self._open: set[Mirror] = set()

    def begin(self, origin: Origin, names: Sequence[str], warn: Warn) -> Mirror | None:
        """Mirror a run to the trackers ``names``. ``warn`` is called with sentences about what did
        not work, from another thread, also after the run has ended."""
        with self._lock:
            if len(self._open) < MOST:
                mirror = Mirror(self, origin, names, warn)
                self._open.add(mirror)
                return mirror
        warn(f"The run is not mirrored: {MOST} others are still being sent")
        return None

    def wait(self, seconds: float) -> None:
        """Until all mirrors have ended, or so long."""
        until = time.monotonic() + seconds
        for mirror in list(self._open):
            mirror.join(until - time.monotonic())

    def stop(self, seconds: float = 5.0) -> None:
        """End all, those that take longer without asking."""
        for mirror in list(self._open):
            mirror.end()
        self.wait(seconds)
        self.stopped = True
        with self._lock:
            peers = [*self._idle, *(mirror.peer for mirror in self._open if mirror.peer)]
            self._idle = []
        for peer in peers:
            peer.kill()

    def take(self) -> Peer:
        """A process that waits for a run, or a new one."""
        with self._lock:
            while self._idle:
                peer = self._idle.pop()
                if peer.waits:
                    return peer
                peer.kill()
        return Peer(self.folder, self.limits)

    def done(self, mirror: Mirror, peer: Peer | None) -> None:
        """Of this mirror nothing more comes; its process may have another run."""
        with self._lock:
            self._open.discard(mirror)
            if peer is not None:
                peer.rest()
                self._idle.append(peer)


class Peer:
    """A process that talks to trackers, seen from this one."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._idle_s = limits.idle_s
        self._rests_since = time.monotonic()
        self._process = context.Process(
            target=main, args=(theirs, folder, limits), name="trackers", daemon=True
        )
        self._process.start()
        theirs.close()

    def rest(self) -> None:
        """It has no run from now on."""
        self._rests_since = time.monotonic()

    @property
    def waits(self) -> bool:
        """Whether it is there for another run; it ends by itself where none comes."""
        return self._process.is_alive() and (
            time.monotonic() - self._rests_since < self._idle_s / 2
        )

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.join(timeout=5)

    @property
    def exit_code(self) -> int | None:
        """How it ended. Where two threads ask at once, one of them is told a moment later."""
        until = time.monotonic() + 5
        while self._process.exitcode is None and time.monotonic() < until:
            time.sleep(0.01)
        return self._process.exitcode


class Mirror:
    """One run that is mirrored."""

    def __init__(self, mirrors: Mirrors, origin: Origin, names: Sequence[str], warn: Warn) -> None:
        self.peer: Peer | None = None
        self._mirrors = mirrors
        self._warn = warn
        self._status = INTERRUPTED
        self._giving_up: threading.Timer | None = None
        self._late = False
        self._inbox: queue.Queue[tuple[Any, ...]] = queue.Queue(_WAITING)
        self._inbox.put(("begin", tuple(names), origin))
        self._thread = threading.Thread(target=self._mirror, name="mirror", daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        """Take what trackers may be told of an event."""
        self._status = status(event) or self._status
        # There is always room for the end.
        if (found := row(event)) is not None and self._inbox.qsize() < _WAITING - 1:
            self._inbox.put_nowait(("row", found))

    def tell_all(self, events: Iterable[Event]) -> None:
        """Take several."""
        for event in events:
            self.tell(event)

    def end(self) -> None:
        """The run has ended, as its last event said, or was interrupted."""
        if self._giving_up is None:
            self._giving_up = threading.Timer(self._mirrors.grace_s, self._give_up)
            self._giving_up.daemon = True
            self._giving_up.start()
            self._inbox.put_nowait(("end", self._status))

    def join(self, seconds: float) -> None:
        """Wait for what is still to be sent, at most so long."""
        self._thread.join(max(0.0, seconds))

    def _give_up(self) -> None:
        self._late = True
        if self.peer is not None:
            self.peer.kill()

    def _mirror(self) -> None:
        try:
            self.peer = self._mirrors.take()
            self._follow(self.peer)
        except Exception as error:
            if self.peer is not None:
                self.peer.kill()
            if not self._mirrors.stopped:
                self._warn(self._why(error))
            self.peer = None
        finally:
            if self._giving_up is not None:
                self._giving_up.cancel()
            self._mirrors.done(self, self.peer)

    def _follow(self, peer: Peer) -> None:
        """Hand on what comes until the other process says that it is done."""
        while True:
            if self._late:  # it was not there yet to be killed
                raise TimeoutError
            with suppress(queue.Empty):
                peer.connection.send(self._inbox.get(timeout=0.1))
            while peer.connection.poll():
                kind, sentence = peer.connection.recv()
                if kind == "ended":
                    return
                self._warn(sentence)

    def _why(self, error: Exception) -> str:
        if self._late:
            seconds = f"{self._mirrors.grace_s:g} seconds"
            return f"Not all of the run was mirrored within {seconds} of its end; it is given up"
        if isinstance(error, EOFError | OSError) and self.peer is not None:
            return f"The process that mirrors the run ended (exit code {self.peer.exit_code})"
        return f"The run is not mirrored: {type(error).__name__}: {error}"
