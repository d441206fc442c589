"""Lanes in a Ray cluster: one actor for each GPU, or for each node where there is no GPU at all.

What an actor does on its node stands in :mod:`.ray_actor`.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from backend.scheduling.executors.ray_actor import Actor, ping
from backend.scheduling.jobs import (
    PATIENCE_S,
    Device,
    Job,
    Message,
    Sent,
    WorkerDiedError,
    ends,
)
from backend.settings import Settings
from loraone.events import Artifact

# Ray notices the death of a node within a quarter of a minute, and later where all are busy.
NODE_S = 90.0
# An actor that has nothing to do answers within milliseconds.
ANSWER_S = 30.0

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
            nodes = list(_alive().values())
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


def _alive() -> dict[str, dict[str, Any]]:
    """The nodes that Ray's head believes to live, by their ids."""
    return {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}


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
        self._killed = threading.Event()

    def run(self, job: Job) -> Iterator[Sequence[Message]]:
        """Run one job on the actor and yield what it says, at least once a second.

        Raises WorkerDiedError where actor or node ends before the job does.
        """
        self._killed.clear()
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
            self._end()
            self._wait_for_node()
            raise WorkerDiedError("the actor ended without a result") from error
        except RayError as error:
            self._end()
            self._wait_for_node()
            raise WorkerDiedError(
                f"the actor or its node ended ({type(error).__name__})"
            ) from error

    def _ready(self) -> Any:
        if self._actor is not None and not self._answers(self._actor):
            self._end()
        with self._lock:
            if self._actor is None:
                gpu = self.device.gpu is not None
                self._actor = Actor.options(  # type: ignore[attr-defined]
                    num_gpus=1 if gpu else 0,
                    num_cpus=0 if gpu else 1,
                    scheduling_strategy=self._place(),
                ).remote(self.device)
            return self._actor

    @staticmethod
    def _answers(actor: Any) -> bool:
        """Whether an actor without a job still lives: one that died idle must cost no attempt."""
        try:
            ray.get(actor.answer.remote(), timeout=ANSWER_S)
        except RayError:
            return False
        return True

    def _wait_for_node(self) -> None:
        """Until the node answers, or is known to be dead: no run may be taken on a dead one.

        A call that fails says neither: the node's own process may be gone before Ray's head has
        noticed, and until then a lane would take the run again. Ends early where the worker is
        killed meanwhile: whoever stops a lane waits for it.
        """
        until = time.monotonic() + NODE_S
        answer = None
        while time.monotonic() < until and not self._killed.is_set():
            try:
                if self.device.node not in _alive():
                    return
                answer = answer or ping.options(scheduling_strategy=self._place()).remote()
                ready, _ = ray.wait([answer], timeout=PATIENCE_S)
                if ready:
                    ray.get(answer)
                    return
            except RayError:
                answer = None
                self._killed.wait(PATIENCE_S / 4)

    def _place(self) -> NodeAffinitySchedulingStrategy:
        return NodeAffinitySchedulingStrategy(self.device.node, soft=False)

    def checkpoint(self) -> None:
        """Nothing: an actor keeps them when it is time, on its node's disk."""

    def terminate(self) -> None:
        """The same as :meth:`kill`: Ray has no word to an actor that is at work."""
        self.kill()

    def kill(self) -> None:
        """End the actor at once; the lane's next job starts a new one."""
        self._killed.set()
        self._end()

    def _end(self) -> None:
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
