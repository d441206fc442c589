"""``mirrored(run(spec), spec, …)``: the events of a run here, also told to trackers."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from loraone.events import Event, Failed, Finished, Note
from loraone.spec.experiment import RunSpec
from loraone.tracking.mirror import Mirrors
from loraone.tracking.origin import Origin
from loraone.tracking.refusals import check

log = logging.getLogger(__name__)


def _log(message: str) -> None:
    log.warning("%s", message)


def mirrored(
    events: Iterator[Event],
    spec: RunSpec,
    *,
    report_to: Sequence[str],
    experiment: str,
    mirrors: Mirrors | None = None,
    late: Callable[[str], None] = _log,
) -> Iterator[Event]:
    """The same events, which the trackers ``report_to`` are told of under ``experiment``.

    What a tracker did not take is a :class:`~loraone.events.Note` among the events: no run fails
    for it, and none waits.

    Args:
        events: those of :func:`loraone.run`.
        spec: the run.
        report_to: names such as ``mlflow``; see :data:`loraone.catalog.TRACKERS`.
        experiment: the name under which its runs are found there.
        mirrors: shared by several runs, whose ``wait`` the caller sees to. Without it the
            generator ends when trackers have taken the run, or a minute after its last event.
        late: called with what did not work after the last event, from another thread.

    Raises SpecError where a name is not known, or its package is not installed.
    """
    check(report_to)
    return _mirrored(events, spec, tuple(report_to), experiment, mirrors, late)


def _mirrored(
    events: Iterator[Event],
    spec: RunSpec,
    names: tuple[str, ...],
    experiment: str,
    given: Mirrors | None,
    late: Callable[[str], None],
) -> Iterator[Event]:
    if not names:
        yield from events
        return
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    over = False

    def warn(message: str) -> None:
        late(message) if over else said.put(message)

    with _own(given) as mirrors:
        mirror = mirrors.begin(Origin.of(spec, experiment), names, warn)
        try:
            for event in events:
                yield from _notes(said)
                over = isinstance(event, Finished | Failed)
                if mirror is not None:
                    mirror.tell(event)
                yield event
        finally:
            over = True
            if mirror is not None:
                mirror.end()
            for note in _notes(said):
                late(note.message)


@contextmanager
def _own(given: Mirrors | None) -> Iterator[Mirrors]:
    """``given``, or one's own, whose end is waited for."""
    if given is not None:
        yield given
        return
    mirrors = Mirrors(Path.cwd())
    try:
        yield mirrors
        mirrors.wait(mirrors.grace_s)
    finally:
        mirrors.stop()


def _notes(said: queue.SimpleQueue[str]) -> Iterator[Note]:
    with suppress(queue.Empty):
        while True:
            yield Note(said.get_nowait(), warning=True)
