"""A Ray cluster for tests: a head that runs nothing, and nodes of one core, all on this machine."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import psutil

# So that a dead node is noticed within seconds; Ray's own settings take a quarter of a minute.
# Ray's workers are nice (15): beside other tests on the same cores they would hardly go on.
SYSTEM = {
    "worker_niceness": 0,
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 3,
}


class RayNodes:
    """The cluster, and a way to kill its nodes."""

    def __init__(self, nodes: int = 2, **resources: Any) -> None:
        from ray.cluster_utils import Cluster  # seconds, for those alone who want it

        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 0,
                "include_dashboard": False,
                "_system_config": SYSTEM,
                "object_store_memory": 100 * 2**20,
            },
        )
        self.nodes = [self.add(**resources) for _ in range(nodes)]

    @property
    def address(self) -> str:
        """What ``RAY_ADDRESS`` is to be."""
        return str(self._cluster.address)

    def add(self, **resources: Any) -> Any:
        """Another node."""
        given = {"num_cpus": 1, "object_store_memory": 100 * 2**20, **resources}
        return self._cluster.add_node(**given)

    def kill(self, node: Any) -> None:
        """What a power cut does to a node."""
        self._cluster.remove_node(node, allow_graceful=False)

    @staticmethod
    def actors() -> list[psutil.Process]:
        """The processes on this machine in which Ray has runs happen."""
        running = psutil.process_iter(["cmdline"])
        return [p for p in running if " ".join(p.info["cmdline"] or []).startswith("ray::Actor")]

    def remove(self) -> None:
        """Stop everything."""
        self._cluster.shutdown()
