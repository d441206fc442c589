"""Times, peaks of memory, and rows of a Markdown table, for the benchmarks."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def timed(action: Callable[[], Any], repeats: int, device: torch.device) -> tuple[float, Any]:
    """Median seconds, and the last result; the first call is not counted where there are more."""
    seconds, result = [], None
    for _ in range(repeats + (repeats > 1)):
        _synchronise(device)
        began = time.perf_counter()
        result = action()
        _synchronise(device)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[1:] or seconds), result


def _synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def peak_above(action: Callable[[], Any], device: torch.device) -> float:
    """Most bytes in use during one call, above what was in use before: a reading, not a sum.

    On the CPU the resident set (Linux), on a GPU torch's allocator.
    """
    before = held(device)
    action()
    return peak(device) - before


def held(device: torch.device) -> float:
    """Bytes in use now; from here on :func:`peak` says the most of them."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return float(torch.cuda.memory_allocated(device))
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # sets the high-water mark back
    return float(_status("VmRSS"))


def peak(device: torch.device) -> float:
    """The most bytes in use since :func:`held`: a reading, not a sum.

    On the CPU the resident set (Linux), on a GPU torch's allocator.
    """
    if device.type == "cuda":
        return float(torch.cuda.max_memory_allocated(device))
    return float(_status("VmHWM"))


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) * 1024


def row(*cells: object) -> None:
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)
