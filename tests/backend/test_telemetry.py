"""What devices tell, read as they tell it."""

from __future__ import annotations

import os

import pytest

from backend import telemetry
from backend.executors.worker import Device
from backend.telemetry import Reading


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("1234, 56", Reading(1234 * 2**20, 56.0)),
        ("[N/A], 41", Reading(None, 41.0)),
        ("8, [N/A]", Reading(8 * 2**20, None)),
        ("", Reading(None, None)),
        ("No devices were found", Reading(None, None)),
    ],
)
def test_a_line_of_the_driver_is_read_and_what_it_does_not_know_is_none(
    line: str, expected: Reading
) -> None:
    assert telemetry.parse(line) == expected


def test_the_cpu_lane_shows_its_workers_memory_and_no_temperature_that_is_none() -> None:
    found = telemetry.read(Device("CPU", None, 1), os.getpid())
    assert found.memory is not None
    assert found.memory > 10**7
    assert found.temperature is None or 0 < found.temperature < 130
    assert telemetry.read(Device("CPU", None, 1), None).memory is None


def test_a_worker_that_is_gone_and_a_gpu_that_is_not_there_tell_nothing() -> None:
    assert telemetry.read(Device("CPU", None, 1), 2**22 - 1).memory is None
    assert telemetry.read(Device("GPU 99", "99", 0), None) == Reading(None, None)
