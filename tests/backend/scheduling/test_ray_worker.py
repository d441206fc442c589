"""A Ray worker whose actor has died says so once it is known whether its node lives."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from ray.exceptions import ActorDiedError, RayError, WorkerCrashedError

from backend.scheduling.executors import ray_cluster
from backend.scheduling.executors.ray_cluster import RayWorker
from backend.scheduling.jobs import Device, WorkerDiedError


class FakeRay:
    """A cluster whose actors have died and whose node answers at the ``answers``-th question."""

    def __init__(self, answers: int, died: Exception, fails: RayError | None = None) -> None:
        """``fails`` is how its questions end, until it is known to be dead at the last one."""
        self.left = answers
        self.died = died
        self.fails = fails
        self.asked = threading.Event()

    def options(self, **_: Any) -> FakeRay:
        return self

    @property
    def perform(self) -> FakeRay:
        return self

    def remote(self, *_: Any) -> FakeRay:
        return self

    def __next__(self) -> Any:
        raise self.died

    def kill(self, _: Any) -> None:
        pass

    def nodes(self) -> list[dict[str, Any]]:
        return [{"NodeID": "node", "Alive": self.fails is None or self.left > 0}]

    def get(self, value: Any) -> Any:
        if self.fails is not None:
            raise self.fails
        return value

    def wait(self, of: list[Any], timeout: float, fetch_local: bool = True) -> Any:
        if not fetch_local:  # the stream of a job, not what asks the node
            return of, []
        self.asked.set()
        self.left -= 1
        return (of, []) if self.left <= 0 or self.fails else ([], of)


def worker(monkeypatch: pytest.MonkeyPatch, cluster: FakeRay) -> RayWorker:
    for name in ("ray", "Actor", "ping"):
        monkeypatch.setattr(ray_cluster, name, cluster)
    monkeypatch.setattr(ray_cluster.RayWorker, "_place", lambda self: None)
    return RayWorker(Device("node · CPU", None, 1, "node"))


@pytest.mark.parametrize(
    ("died", "reason"),
    [(ActorDiedError(), "the actor or its node ended"), (StopIteration(), "without a result")],
    ids=["actor died", "stream ended"],
)
def test_a_run_is_lost_once_the_node_has_answered_or_is_known_to_be_dead(
    monkeypatch: pytest.MonkeyPatch, died: Exception, reason: str
) -> None:
    cluster = FakeRay(answers=30, died=died)
    with pytest.raises(WorkerDiedError, match=reason):
        list(worker(monkeypatch, cluster).run(None))  # type: ignore[arg-type]
    assert cluster.left == 0, "the lane would have taken the run again on a dead node"


def test_a_call_that_fails_does_not_say_that_the_node_is_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ray_cluster, "PATIENCE_S", 0.01)
    cluster = FakeRay(answers=5, died=ActorDiedError(), fails=WorkerCrashedError())
    with pytest.raises(WorkerDiedError):
        list(worker(monkeypatch, cluster).run(None))  # type: ignore[arg-type]
    assert cluster.left == 0, "the lane would have taken the run again on a dead node"


def test_whoever_stops_the_lane_does_not_wait_for_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeRay(answers=10**9, died=ActorDiedError())
    stopped = worker(monkeypatch, cluster)

    def stop() -> None:
        assert cluster.asked.wait(10)
        stopped.kill()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(WorkerDiedError):
        list(stopped.run(None))  # type: ignore[arg-type]
    assert cluster.left > 0
