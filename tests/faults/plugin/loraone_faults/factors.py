"""Factors that are fine, after or instead of which something goes wrong."""

from __future__ import annotations

import ctypes
import errno
import os
import time

import torch

from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone_faults.row import Params


def initialise(problem: InitProblem, params: Params) -> Initialisation:
    """LoRA with everything zero, if it gets so far."""
    notes: tuple[str, ...] = ()
    fill = 0.0
    match params.what:
        case "hang":
            time.sleep(3600)
        case "flood":
            notes = tuple(f"note {i}" for i in range(200_000))
        case "print":
            for i in range(200_000):
                print(f"line {i} of far too many")
        case "nan":
            fill = float("nan")
        case "exit":
            os._exit(7)
        case "crash":
            ctypes.string_at(0)
        case "memory":
            kept = []
            for _ in range(300):
                kept.append(bytearray(os.urandom(2**20)) * 20)
                time.sleep(0.05)
        case "too much":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")
        case "disk":
            raise OSError(errno.ENOSPC, "No space left on device")
    factors = {
        name: Factors(
            torch.full((problem.rank, len(g.V)), fill), torch.zeros(len(g.U), problem.rank)
        )
        for name, g in problem.gradients.items()
    }
    return Initialisation(factors, notes=notes)
