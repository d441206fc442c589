"""What devices tell, read as they tell it."""

from __future__ import annotations

import pytest

from backend.scheduling import telemetry
from backend.scheduling.jobs import Device


def test_the_cpu_lane_shows_its_workers_memory_and_no_temperature_that_is_none() -> None:
    found = telemetry.Gauge(Device("CPU", None, 1)).read()
    assert found.memory == found.host_memory > 10**7
    assert found.temperature is None or 0 < found.temperature < 130


def test_a_gpu_that_is_not_there_tells_nothing_but_the_hosts_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "99")
    found = telemetry.Gauge(Device("GPU 99", "99", 0)).read()
    assert (found.memory, found.temperature) == (None, None)
    assert found.host_memory > 10**7


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("", []), ("-1", []), ("1, 3", ["1", "3"]), ("GPU-8f2a,MIG-77", ["GPU-8f2a", "MIG-77"])],
)
def test_the_gpus_are_those_that_the_environment_allows(
    visible: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert telemetry.gpus() == expected


def test_a_gpu_that_is_not_there_has_no_identity() -> None:
    assert telemetry.identity("99") is None
