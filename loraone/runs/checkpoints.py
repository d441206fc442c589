"""A run's checkpoints on disk: safetensors and JSON, written so that the last good one stays.

``begin.safetensors`` is what the steps do not change, written once: the start with its gradient,
the factors before the first step, base weights that a method moved. ``step-….safetensors`` is the
training as it stands after a step, and ``events.jsonl`` what was said up to there. Each step's file
names digests of all three. A file is written under another name and renamed when it is on the disk.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from loraone.errors import CheckpointError
from loraone.events import Event
from loraone.inputs.models.digests import combined, digest
from loraone.linalg.packed import Packed, UnfitError, separate
from loraone.runs.journal import Journal
from loraone.spec.diff import same_result
from loraone.spec.experiment import RunSpec

# Of the files: another one is not read.
FORMAT = 1
BEGIN, JOURNAL, STEP = "begin.safetensors", "events.jsonl", "step-{:09d}.safetensors"
STEPS = "step-*.safetensors"
# Under these names a file is written before it is whole.
UNFINISHED = ("begin.new", "step-*.new")
# The last one, and the one before it, should the last turn out to be damaged.
KEPT = 2
# What is left free on the disk: twice what a queue stops at (LORAONE_DISK_STOP_GB), so that no
# checkpoint takes what a run needs to store what it measures.
RESERVE = 2 * 10**9

# What may be wrong with files that something else has written, or cut short.
DAMAGE = (UnfitError, SafetensorError, OSError, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Checkpoint:
    """What a run goes on from, by the ``name`` of its file; ``arithmetics`` says what it was
    computed with, from its beginning."""

    name: str
    begin: Packed
    course: Packed
    journal: Journal
    events: list[Event]
    arithmetics: list[Any]


class Checkpoints:
    """Those of one run, in a folder of its own.

    A checkpoint must have the run's ``spec`` and ``inputs``, the model and data that were loaded.
    """

    def __init__(self, folder: Path, spec: RunSpec, inputs: str, arithmetic: Any) -> None:
        self._folder = folder
        self._spec = spec
        self._identity = {"checkpoint format": str(FORMAT), "model or data": inputs}
        self._arithmetics = [arithmetic]
        self._refused: set[str] = set()
        self._begin: str | None = None
        self.journal = Journal(folder / JOURNAL)

    def find(self) -> tuple[Checkpoint | None, list[str]]:
        """The newest that can be used and was not refused, and why newer ones cannot.

        No checkpoint is removed: what is of no use goes when there is something to take its place.
        Raises CheckpointError where one may be good, and none can be read now, such as of a file
        server that is away: the first checkpoint of a run that began anew would take its place.
        """
        self._begin_anew()
        self._unlink(*UNFINISHED)  # of a process that was killed while it wrote
        refused: list[str] = []
        away: OSError | None = None
        try:
            steps = self._steps()[::-1]
        except OSError as error:
            steps, away = [], error
        for file in steps:
            if file.name in self._refused:
                continue
            try:
                found = self._read(file)
            except DAMAGE as error:
                if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                    away = error
                refused.append(f"{file.name}: {error}")
                continue
            self.journal = found.journal
            now = self._arithmetics
            self._arithmetics = [one for one in found.arithmetics if one not in now] + now
            return found, refused
        if away is not None:
            raise CheckpointError(
                f"the run's checkpoints cannot be read now: {away}",
                hint="retry it when they can; launched again as another run it begins anew",
            )
        return None, refused

    def refuse(self, found: Checkpoint) -> None:
        """It could be read, but not gone on from: :meth:`find` is to find one before it."""
        self._refused.add(found.name)

    def write(self, step: int, begin: Callable[[], Packed], course: Packed) -> None:
        """Keep the training after ``step``; ``begin`` is asked for the first time, and where
        its file is gone.

        Raises OSError or SafetensorError where there is no space; what was kept before stays.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._begin is None:
            self._unlink(STEPS)  # of a course that the run does not go on with
        if self._begin is None or not (self._folder / BEGIN).exists():
            self._begin = self._save(self._folder / BEGIN, begin(), {})
        beside = {
            "identity": self._identity,
            "spec": self._spec.model_dump(mode="json"),
            "arithmetics": self._arithmetics,
            "begin": self._begin,
            "journal": self.journal.write(),
        }
        self._save(self._folder / STEP.format(step), course, beside)
        now = STEP.format(step)
        before = [file for file in self._steps() if file.name <= now]
        later = [file for file in self._steps() if file.name > now]  # refused, or damaged
        for file in before[:-KEPT] + later:
            file.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove all of them; what else lies in the folder is not theirs."""
        self._unlink(*UNFINISHED, STEPS, JOURNAL, BEGIN)
        with suppress(OSError):  # it is not there, or something else is in it
            self._folder.rmdir()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._begin = None
        self._arithmetics = self._arithmetics[-1:]
        self.journal = Journal(self._folder / JOURNAL)

    def _steps(self) -> list[Path]:
        """Raises OSError where it is not known what is there; a glob would find nothing then."""
        try:
            files = sorted(self._folder.iterdir())
        except FileNotFoundError:
            return []
        return [file for file in files if file.match(STEPS)]

    def _unlink(self, *patterns: str) -> None:
        for file in [file for pattern in patterns for file in self._folder.glob(pattern)]:
            with suppress(OSError):
                file.unlink()

    def _read(self, file: Path) -> Checkpoint:
        course, beside, _ = _load(file)
        for what, value in self._identity.items():
            if beside["identity"].get(what) != value:
                raise UnfitError(f"it is of another {what}")
        if not same_result(beside["spec"], self._spec):
            raise UnfitError("it is of another spec")
        begin, found = _load(self._folder / BEGIN)[::2]
        if found != beside["begin"]:
            raise UnfitError(f"{BEGIN} is another run's")
        journal, events = Journal.read(self._folder / JOURNAL, beside["journal"])
        self._begin = found
        return Checkpoint(file.name, begin, course, journal, events, beside["arithmetics"])

    def _save(self, file: Path, packed: Packed, beside: Mapping[str, Any]) -> str:
        """Write a file that is there as a whole or not at all; its digest."""
        tensors = separate(packed[0])
        text = json.dumps(packed[1])
        size = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
        if shutil.disk_usage(self._folder).free < size + RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
        about = json.dumps(beside)
        found = _digest(tensors, text, about)
        new = file.with_suffix(".new")
        try:
            save_file(tensors, new, metadata={"packed": text, "about": about, "digest": found})
            new.chmod(0o600)
            _sync(new)
            new.replace(file)
            _sync(self._folder)
        finally:
            with suppress(OSError):
                new.unlink(missing_ok=True)
        return found


def left_by(folder: Path) -> Mapping[str, Any] | None:
    """The spec, as it was stored, of the run whose checkpoints lie in a folder; None where none can
    be read."""
    for file in sorted(folder.glob(STEPS))[::-1]:
        with suppress(*DAMAGE), safe_open(file, framework="pt") as opened:
            spec: Mapping[str, Any] = json.loads(opened.metadata()["about"])["spec"]
            return spec
    return None


def _load(file: Path) -> tuple[Packed, dict[str, Any], str]:
    """What was packed, what was said about it, and the digest. Raises one of :data:`DAMAGE`."""
    file.open("rb").close()  # says what is wrong with it as the system does
    with safe_open(file, framework="pt") as opened:
        metadata = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    found = _digest(tensors, metadata["packed"], metadata["about"])
    if found != metadata["digest"]:
        raise UnfitError(f"{file.name} is damaged")
    return (tensors, json.loads(metadata["packed"])), json.loads(metadata["about"]), found


def _digest(tensors: Mapping[str, Tensor], *texts: str) -> str:
    """Of all that is in a file, in whatever order it has it."""
    with ThreadPoolExecutor() as threads:  # hashlib lets other threads go on while it reads
        found = dict(zip(tensors, threads.map(digest, tensors.values()), strict=True))
    each = {
        f"{name} {tensor.dtype} {tuple(tensor.shape)}": found[name]
        for name, tensor in tensors.items()
    }
    words = {f"text {i}": hashlib.sha256(t.encode()).hexdigest() for i, t in enumerate(texts)}
    return combined(each | words)


def _sync(path: Path) -> None:
    """Have it on the disk, and not in memory alone."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
