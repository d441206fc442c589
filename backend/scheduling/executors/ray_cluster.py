"""Lanes in a Ray cluster: one actor for each GPU, or for each node where there is no GPU at all.

The actor does what a local worker process does, see :class:`~.worker.Performer`. Events, what it
prints, and the files that it writes stream back, so a node needs neither the database nor a shared
disk; models and data must lie under the allowed roots on every node.
"""

from __future__ import annotations

import logging
import os
import queue
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from backend.scheduling import disk
from backend.scheduling.executors.worker import Performer, beat
from backend.scheduling.jobs import (
    PATIENCE_S,
    Beat,
    Device,
    Job,
    Message,
    Printed,
    Sent,
    WorkerDiedError,
    Written,
    ends,
)
from backend.settings import Settings
from loraone.events import Artifact, Event, Failed

# Ray notices the death of a node within a quarter of a minute.
NODE_S = 20.0
PIECE_BYTES = 4_000_000

log = logging.getLogger(__name__)


class RayExecutor:
    """Follows the cluster at ``RAY_ADDRESS``; nodes come and go, and lanes with them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: list[Device] = []
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        ray.init(
            address=os.environ.get("RAY_ADDRESS", "auto"),
            namespace="loraone",
            log_to_driver=False,
            logging_level=logging.WARNING,
        )

    def devices(self) -> list[Device]:
        """A device for each GPU of the nodes that are alive, or one CPU device for each node."""
        try:
            nodes = [node for node in ray.nodes() if node["Alive"]]
        except Exception as error:  # the head is away: what there was may still be there
            log.warning("the Ray cluster does not answer: %s", error)
            return self._known
        present = [device for node in nodes for device in _gpus(node)]
        if not present:
            threads = self._settings.cpu_threads
            present = [_cpu(node, threads) for node in nodes if _cores(node) >= 1]
        self._known = sorted(present, key=lambda device: device.name)
        return self._known

    def worker(self, device: Device) -> RayWorker:
        """The actor of a lane."""
        return RayWorker(device)

    def stop(self) -> None:
        """Leave the cluster."""
        ray.shutdown()


def _cores(node: dict[str, Any]) -> int:
    return int(node["Resources"].get("CPU", 0))


def _name(node: dict[str, Any]) -> str:
    """Nodes of one machine have the same address; their ids tell them apart."""
    return f"{node['NodeManagerAddress']} · {node['NodeID'][:6]}"


def _gpus(node: dict[str, Any]) -> list[Device]:
    count = int(node["Resources"].get("GPU", 0))
    # Which GPU an actor gets is Ray's choice; the number only tells lanes apart.
    return [
        Device(f"{_name(node)} · GPU {number}", str(number), 0, node["NodeID"])
        for number in range(count)
    ]


def _cpu(node: dict[str, Any], threads: int) -> Device:
    return Device(f"{_name(node)} · CPU", None, min(threads or 2**10, _cores(node)), node["NodeID"])


class RayWorker:
    """The actor of one lane, started when it is first needed and after every death."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self._lock = threading.Lock()
        self._actor: Any = None

    def run(self, job: Job) -> Iterator[Sequence[Message]]:
        """Run one job on the actor and yield what it says, at least once a second.

        Raises WorkerDiedError where actor or node ends before the job does.
        """
        try:
            stream = self._ready().perform.remote(job)
            while True:
                ready, _ = ray.wait([stream], timeout=PATIENCE_S, fetch_local=False)
                if not ready:
                    yield []
                    continue
                messages: list[Message] = [
                    _at_home(message, job) for message in ray.get(next(stream))
                ]
                yield messages
                if any(ends(message) for message in messages):
                    return
        except StopIteration as error:
            self.kill()
            raise WorkerDiedError("the actor ended without a result") from error
        except RayError as error:
            self.kill()
            self._wait_for_node()
            raise WorkerDiedError(
                f"the actor or its node ended ({type(error).__name__})"
            ) from error

    def _ready(self) -> Any:
        with self._lock:
            if self._actor is None:
                gpu = self.device.gpu is not None
                self._actor = Actor.options(  # type: ignore[attr-defined]
                    num_gpus=1 if gpu else 0,
                    num_cpus=0 if gpu else 1,
                    scheduling_strategy=self._place(),
                ).remote(self.device)
            return self._actor

    def _wait_for_node(self) -> None:
        """Until it is known whether the node lives: its lane must not take the run again if not."""
        with suppress(RayError):  # also GetTimeoutError, and what Ray says of a dead node
            ray.get(_ping.options(scheduling_strategy=self._place()).remote(), timeout=NODE_S)

    def _place(self) -> NodeAffinitySchedulingStrategy:
        return NodeAffinitySchedulingStrategy(self.device.node, soft=False)

    def kill(self) -> None:
        """End the actor at once; the lane's next job starts a new one."""
        with self._lock:
            actor, self._actor = self._actor, None
        if actor is not None:
            with suppress(RayError, ValueError):  # it may be gone, or Ray with it
                ray.kill(actor)

    def close(self) -> None:
        """The same: Ray waits for the end of its actors itself."""
        self.kill()


def _at_home(message: Message, job: Job) -> Message:
    """An artifact's path is said relative to the job's output; here it has its place."""
    if isinstance(message, Sent) and isinstance(message.event, Artifact):
        path = str(job.output / message.event.path)
        return replace(message, event=replace(message.event, path=path))
    return message


@ray.remote(num_cpus=0, max_retries=0)  # type: ignore[untyped-decorator]
def _ping() -> None:
    """Done by a node that lives."""


@ray.remote(max_restarts=0, max_task_retries=0)
class Actor:
    """A worker on some node; dies with the server that started it, as all actors of a driver."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._performer: Performer | None = None
        self._scratch = Path(tempfile.mkdtemp(prefix="loraone-"))

    def perform(self, job: Job) -> Iterator[list[Message]]:
        """Stream what happens in a job; the last list ends with Finished or Failed."""
        outbox: queue.Queue[Message | None] = queue.Queue(maxsize=1000)
        settings = Settings()  # of this node: its actors share gradients on its own disk
        disk.trim(settings)
        scratch = self._scratch / f"{job.run_id}-{job.attempt}"
        here = replace(
            job, output=scratch / "output", log=scratch / "log", gradients=settings.gradients
        )
        busy = threading.Event()
        busy.set()

        def work() -> None:
            try:
                if self._performer is None:
                    self._performer = Performer(self._device)
                self._performer.perform(here, lambda message: _put(outbox, message, here))
            except BaseException as error:
                failed = Failed("internal", f"{type(error).__name__}: {error}")
                outbox.put(Sent(job.run_id, job.attempt, 2**31 - 1, failed))
            finally:
                busy.clear()
                outbox.put(None)

        threading.Thread(target=beat, args=(self._device, outbox.put, busy), daemon=True).start()
        threading.Thread(target=work, daemon=True).start()
        read = 0
        held: list[Message] = []
        ended = False
        while not ended:
            messages, ended = _drain(outbox)
            text, read = _printed(here.log, read)
            # The end comes last: whoever sees it asks no more.
            held = [message for message in messages if ends(message)]
            first = [message for message in messages if not ends(message)]
            if text or first:
                yield [*([Printed(text)] if text else []), *first]
            if held:
                break
        text, read = _printed(here.log, read)
        shutil.rmtree(scratch, ignore_errors=True)
        yield [*([Printed(text)] if text else []), *held]


def _put(outbox: queue.Queue[Message | None], message: Message, job: Job) -> None:
    """Hand a message on; what an artifact consists of goes before it, in pieces."""
    event: Event | None = message.event if isinstance(message, Sent) else None
    if isinstance(event, Artifact):
        written = Path(event.path)
        files = [written] if written.is_file() else sorted(written.rglob("*"))
        for file in files:
            if file.is_file():
                _put_file(outbox, file, str(file.relative_to(job.output)))
        assert isinstance(message, Sent)
        relative = replace(event, path=str(written.relative_to(job.output)))
        message = replace(message, event=relative)
    outbox.put(message)


def _put_file(outbox: queue.Queue[Message | None], file: Path, path: str) -> None:
    with file.open("rb") as opened:
        outbox.put(Written(path, opened.read(PIECE_BYTES), first=True))
        while data := opened.read(PIECE_BYTES):
            outbox.put(Written(path, data, first=False))


def _drain(outbox: queue.Queue[Message | None]) -> tuple[list[Message], bool]:
    """What there is, after a short wait, and whether it was the last; few large pieces at once."""
    messages: list[Message] = []
    with suppress(queue.Empty):
        message = outbox.get(timeout=0.2)
        while message is not None:
            messages.append(message)
            if isinstance(message, Written | Beat) or len(messages) >= 200:
                return messages, False
            message = outbox.get_nowait()
        return messages, True
    return messages, False


def _printed(log_file: Path, read: int) -> tuple[str, int]:
    """What was printed since the last time, and how far that is; a log that was cut starts over."""
    try:
        size = log_file.stat().st_size
        if size <= read:
            return "", min(read, size)
        with log_file.open("rb") as file:
            file.seek(read)
            text = file.read(size - read)
    except OSError:
        return "", read
    return text.decode("utf-8", errors="replace"), size
