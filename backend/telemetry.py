"""What a device tells of itself: memory in use and temperature; None where it tells nothing."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import psutil

from backend.executors.worker import Device

# Asking a driver takes a tenth of a second; the queue is read after every change.
KEPT_S = 5.0
_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
_asked: dict[str, tuple[float, str]] = {}


@dataclass(frozen=True)
class Reading:
    """Bytes of memory in use, on the GPU or by the worker; degrees Celsius."""

    memory: int | None
    temperature: float | None


def read(device: Device, pid: int | None) -> Reading:
    """Of a GPU what its driver says; of the CPU the worker's memory and the hottest sensor."""
    if device.gpu is not None:
        return parse(_driver(device.gpu))
    return Reading(_resident(pid), _hottest())


def parse(line: str) -> Reading:
    """A line of nvidia-smi: MiB in use and degrees, such as ``1234, 56``; or [N/A]."""
    parts = [part.strip() for part in line.split(",")]
    numbers = [float(part) if part.replace(".", "", 1).isdigit() else None for part in parts]
    if len(numbers) != 2:
        return Reading(None, None)
    memory, temperature = numbers
    return Reading(None if memory is None else int(memory * 2**20), temperature)


def _driver(gpu: str) -> str:
    at, line = _asked.get(gpu, (0.0, ""))
    if time.monotonic() - at < KEPT_S and line:
        return line
    command = shutil.which("nvidia-smi")
    if command is None:
        return ""
    query = ["--query-gpu=memory.used,temperature.gpu", "--format=csv,noheader,nounits"]
    try:
        told = subprocess.run(
            [command, "-i", gpu, *query], capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    _asked[gpu] = time.monotonic(), told.stdout.strip()
    return _asked[gpu][1]


def _resident(pid: int | None) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid is not None else None
    except psutil.Error:
        return None


def _hottest() -> float | None:
    sensors: dict[str, list[Any]] = getattr(psutil, "sensors_temperatures", dict)()
    found = [one.current for name in _CPU_SENSORS for one in sensors.get(name, ())]
    return max(found, default=None)
