"""What ``loraone run --checkpoints`` leaves for the same command, should it be given again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NoReturn

from filelock import FileLock

from loraone.events import Artifact, Event, Finished, from_json, to_json
from loraone.runs.interruption import Interruption
from loraone.spec.diff import result_key
from loraone.spec.experiment import RunSpec

LOCK = "lock"
# How a process ends by this signal, as a shell says it.
TERMINATED = 128 + signal.SIGTERM


class KeptRuns:
    """A folder of checkpoints for each run that is not at its end, and a file with what was said
    for each that is: neither is done twice. Without a folder nothing is kept.

    It is used in a ``with`` statement: signals are listened to in it. Entering it raises
    filelock.Timeout where another command has the folder.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._left = ExitStack()
        self.interruption = Interruption()
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def __enter__(self) -> KeptRuns:
        if self._folder is not None:
            lock = FileLock(self._folder / LOCK)
            self._left.enter_context(lock.acquire(blocking=False))
            heard = {signal.SIGTERM: self._end, signal.SIGUSR1: self._ask}
            for each, handler in heard.items():
                self._left.callback(signal.signal, each, signal.signal(each, handler))
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()

    def checkpoints(self, number: int) -> Path | None:
        """The folder for those of a run, which ``--output`` has no other use for."""
        return None if self._folder is None else self._folder / f"run-{number:03d}.checkpoints"

    def finished(self, number: int, spec: RunSpec) -> list[Event] | None:
        """What the run said, if it came to its end and what it wrote is still there."""
        if self._folder is None:
            return None
        try:
            first, *lines = self._file(self._folder, number).read_text("utf-8").splitlines()
            if json.loads(first) != {"result_key": result_key(spec)}:
                return None
            events = [from_json(json.loads(line)) for line in lines]
        except (OSError, ValueError):
            return None
        written = [Path(event.path) for event in events if isinstance(event, Artifact)]
        whole = bool(events) and isinstance(events[-1], Finished)
        return events if whole and all(path.exists() for path in written) else None

    def noting(self, number: int, spec: RunSpec, its: Iterator[Event]) -> Iterator[Event]:
        """A run's events, which are written down where it comes to its end."""
        if self._folder is None:
            yield from its
            return
        said = [json.dumps({"result_key": result_key(spec)})]
        for event in its:
            said.append(json.dumps(to_json(event)))
            if isinstance(event, Finished):
                file = self._file(self._folder, number)
                new = file.with_suffix(".new")
                new.touch(mode=0o600)
                new.write_text("\n".join(said) + "\n", "utf-8")
                new.replace(file)
            yield event

    def clear(self, count: int) -> None:
        """All so many runs have succeeded: nothing is left to go on from."""
        if self._folder is not None:
            for number in range(1, count + 1):
                self._file(self._folder, number).unlink(missing_ok=True)
            (self._folder / LOCK).unlink(missing_ok=True)
            with suppress(OSError):  # something else lies there
                self._folder.rmdir()

    def _ask(self, *_: object) -> None:
        self.interruption.ask()

    def _end(self, *_: object) -> None:
        if self.interruption.listening:
            self.interruption.end()
        else:
            _terminate()

    @staticmethod
    def _file(folder: Path, number: int) -> Path:
        return folder / f"run-{number:03d}.jsonl"


def _terminate() -> NoReturn:
    raise SystemExit(TERMINATED)
