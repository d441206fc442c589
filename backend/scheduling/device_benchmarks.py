"""Knows how fast the lanes' device is: measured once, in a process of its own, kept in a file."""

from __future__ import annotations

import json
import logging
import os
import platform
import subprocess
import sys
import threading
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import psutil

from backend.scheduling import telemetry
from backend.scheduling.jobs import Device
from loraone import __version__
from loraone.runs.device_benchmark import DeviceBenchmark

LIMIT_S = 120
# What was measured is kept in the data folder, under the first of these; earlier releases wrote
# the second, and what it says is as good.
FILE, FORMER_FILE = "device-benchmark.json", "calibration.json"

log = logging.getLogger(__name__)


class DeviceBenchmarks:
    """Benchmarks by device; what is not known yet is measured while the asker goes on."""

    def __init__(self, home: Path, *, enabled: bool = True) -> None:
        self._home = home
        self._enabled = enabled
        self._lock = threading.Lock()
        self._known = self._read()
        self._process: subprocess.Popen[str] | None = None
        self._asked: set[str] = set()

    def get(self, device: Device) -> DeviceBenchmark | None:
        """The device's benchmark, or None while it is measured, or where it cannot be."""
        key = _key(device)
        with self._lock:
            if key in self._known or not self._enabled or key in self._asked:
                return self._known.get(key)
            self._asked.add(key)
        threading.Thread(target=self._measure, args=(device, key), daemon=True).start()
        return None

    def measuring(self, device: Device) -> bool:
        """Whether a benchmark is on its way."""
        with self._lock:
            return _key(device) in self._asked and _key(device) not in self._known

    def stop(self) -> None:
        """End a measurement that is going on."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _measure(self, device: Device, key: str) -> None:
        command = [sys.executable, "-P", "-m", "loraone.runs.device_benchmark"]
        environment = {**os.environ, "CUDA_VISIBLE_DEVICES": device.gpu or ""}
        if device.gpu is None:
            command += ["--threads", str(device.threads)]
        else:
            command += ["--device", "cuda"]
        try:
            with self._lock:
                self._process = subprocess.Popen(
                    command,
                    env=environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            output, _ = self._process.communicate(timeout=LIMIT_S)
            measured = DeviceBenchmark(**json.loads(output))
        except (OSError, ValueError, TypeError, subprocess.SubprocessError) as error:
            log.warning("the device %s was not measured: %s", device.name, error)
            return
        finally:
            if self._process is not None:
                self._process.kill()
        with self._lock:
            self._process = None
            self._known[key] = measured
            self._write()

    def _read(self) -> dict[str, DeviceBenchmark]:
        """What an earlier start measured on this machine with this release."""
        file = self._home / FILE
        try:
            stored = json.loads((file if file.is_file() else self._home / FORMER_FILE).read_text())
            here = _circumstances()
            # The first starts of this release wrote fewer of them.
            written = {name: value for name, value in {**here, **stored}.items() if name in here}
            if written != here:
                return {}
            return {key: DeviceBenchmark(**row) for key, row in stored["devices"].items()}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _write(self) -> None:
        devices = {key: asdict(row) for key, row in self._known.items()}
        body = {**_circumstances(), "devices": devices}
        (self._home / FILE).write_text(json.dumps(body))


def _circumstances() -> dict[str, str | int]:
    """What a measurement depends on beside the device: another machine, or this one changed."""
    return {
        "machine": platform.node(),
        "version": __version__,
        "torch": version("torch"),
        "cores": os.cpu_count() or 0,
        "memory": int(psutil.virtual_memory().total),
    }


def _key(device: Device) -> str:
    """The CPU with its threads; a GPU by what it is, for its number may be another's tomorrow."""
    if device.gpu is None:
        return f"{device.name}, {device.threads} threads"
    known = None if device.node else telemetry.identity(device.gpu)
    return device.name if known is None else f"{device.name}, {known}"
