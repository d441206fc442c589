"""What a device tells of itself: memory in use and temperature; None where it tells nothing."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import psutil

from backend.scheduling.jobs import Beat, Device

_CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")


class Gauge:
    """Reads the device that the process it is made in computes on."""

    def __init__(self, device: Device) -> None:
        self._on_gpu = device.gpu is not None
        self._gpu = _handle(_first_visible()) if self._on_gpu else None
        self._process = psutil.Process()

    def read(self) -> Beat:
        """Of a GPU what its driver says; of the CPU this process's memory and the hottest core."""
        resident = int(self._process.memory_info().rss)
        if not self._on_gpu:
            return Beat(resident, resident, _hottest())
        memory, temperature = (None, None) if self._gpu is None else _of_gpu(self._gpu)
        return Beat(memory, resident, temperature)


def gpus() -> list[str]:
    """The GPUs that ``CUDA_VISIBLE_DEVICES`` allows, or else those that the driver knows.

    torch could tell too, but the server does not import it.
    """
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [part.strip() for part in visible.split(",") if part.strip() not in ("", "-1")]
    driver = _driver()
    return [] if driver is None else [str(index) for index in range(driver.nvmlDeviceGetCount())]


@cache
def _driver() -> Any:
    """NVML, or None on a machine without NVIDIA's driver."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    return pynvml


def _first_visible() -> str:
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0].strip()


def _handle(gpu: str) -> Any:
    """A GPU by index, or by the identifier that clusters use for it and for parts of it."""
    driver = _driver()
    if driver is None:
        return None
    try:
        if gpu.isdigit():
            return driver.nvmlDeviceGetHandleByIndex(int(gpu))
        return driver.nvmlDeviceGetHandleByUUID(gpu)
    except driver.NVMLError:
        return None


def identity(gpu: str) -> str | None:
    """What a GPU of this machine is called wherever it is plugged in; None where it is not told."""
    handle, driver = _handle(gpu), _driver()
    if handle is None:
        return None
    try:
        return str(driver.nvmlDeviceGetUUID(handle))
    except driver.NVMLError:
        return None


def _of_gpu(handle: Any) -> tuple[int | None, float | None]:
    driver = _driver()
    memory = temperature = None
    try:
        memory = int(driver.nvmlDeviceGetMemoryInfo(handle).used)
        temperature = float(driver.nvmlDeviceGetTemperature(handle, driver.NVML_TEMPERATURE_GPU))
    except driver.NVMLError:  # parts of a GPU tell no temperature
        pass
    return memory, temperature


def _hottest() -> float | None:
    sensors: dict[str, list[Any]] = getattr(psutil, "sensors_temperatures", dict)()
    degrees = [sensor.current for name in _CPU_SENSORS for sensor in sensors.get(name, ())]
    return max(degrees, default=None)
