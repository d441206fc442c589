"""What ``loraone run --checkpoints`` leaves for the same command, should it be given again."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, NoReturn

from filelock import FileLock

from loraone.errors import LoraOneError
from loraone.events import Artifact, Event, Finished, Note, from_json, to_json
from loraone.runs.interruption import Interruption
from loraone.spec.diff import same_result
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
        self._warned = False
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

    def of_another(self, runs: Sequence[RunSpec]) -> Path | None:
        """Where something of a run with another spec is in the place of one of these, if any."""
        if self._folder is None:
            return None
        from loraone.runs.checkpoints import left_by

        for number, spec in enumerate(runs, 1):
            folder, file = self.checkpoints(number), self._file(self._folder, number)
            assert folder is not None
            left = {folder: left_by(folder), file: _said_in(file)[0].get("spec")}
            for path, document in left.items():
                if document is not None and not same_result(document, spec):
                    return path
        return None

    def finished(self, number: int, spec: RunSpec, output: Path | None) -> list[Event] | None:
        """What the run said, if it came to its end with the same model and data, and what it wrote
        to ``output`` is still there."""
        if self._folder is None:
            return None
        about, lines = _said_in(self._file(self._folder, number))
        try:
            if not same_result(about.get("spec", {}), spec):
                return None
            if {**about, "spec": None} != _known_by(None, output, _local(spec), _hub(spec)):
                return None
            events = [from_json(json.loads(line)) for line in lines]
        except (LoraOneError, OSError, ValueError):
            return None
        written = [Path(event.path) for event in events if isinstance(event, Artifact)]
        whole = bool(events) and isinstance(events[-1], Finished)
        return events if whole and all(path.exists() for path in written) else None

    def noting(
        self, number: int, spec: RunSpec, output: Path | None, its: Iterator[Event]
    ) -> Iterator[Event]:
        """A run's events, which are written down where it comes to its end."""
        if self._folder is None:
            yield from its
            return
        local: Any = None
        with suppress(LoraOneError, OSError):  # the run itself says what is wrong
            local = _local(spec)  # files as they were before they were read
        said = []
        for event in its:
            said.append(json.dumps(to_json(event)))
            if isinstance(event, Finished):
                about = _known_by(spec.model_dump(mode="json"), output, local, _hub(spec))
                yield from self._noted(self._file(self._folder, number), [json.dumps(about), *said])
            yield event

    def _noted(self, file: Path, said: Sequence[str]) -> Iterator[Note]:
        """Write it down; a note, once, where that is not possible, such as on a full disk: the
        run is at its end all the same."""
        new = file.with_suffix(".new")
        try:
            new.touch(mode=0o600)
            new.write_text("\n".join(said) + "\n", "utf-8")
            new.replace(file)
        except OSError as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            if not self._warned:
                yield Note(f"the same command would do this run again: {error}")
            self._warned = True

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


def _said_in(file: Path) -> tuple[dict[str, Any], list[str]]:
    """What a file is of, and the lines that follow; nothing where it cannot be read."""
    try:
        first, *lines = file.read_text("utf-8").splitlines()
        about = json.loads(first)
    except (OSError, ValueError):
        return {}, []
    return (about, lines) if isinstance(about, dict) else ({}, [])


def _known_by(spec: Any, output: Path | None, local: Any, hub: Any) -> dict[str, Any]:
    """What a run must have in common with one that is at its end, so as not to be done again."""
    about = {
        "spec": spec,
        "output": None if output is None else str(output.resolve()),
        "files": local,
        "hub": hub,
    }
    known: dict[str, Any] = json.loads(json.dumps(about))  # as it is read again
    return known


def _local(spec: RunSpec) -> Any:
    from loraone.inputs.models import stamps  # after the spec was found to be one

    return stamps.local(spec.inputs)


def _hub(spec: RunSpec) -> Any:
    from loraone.inputs.models import stamps

    return stamps.hub(spec.inputs)


def _terminate() -> NoReturn:
    raise SystemExit(TERMINATED)
