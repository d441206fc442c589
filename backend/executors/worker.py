"""The worker process of a lane: receives jobs, sends events. It knows no database.

Nothing here imports torch before the device is pinned by ``CUDA_VISIBLE_DEVICES``.
"""

from __future__ import annotations

import multiprocessing
import os
import threading
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from loraone.events import Event
from loraone.specs import RunSpec


@dataclass(frozen=True)
class Device:
    """One GPU by its index, or the CPU with a number of threads."""

    name: str
    gpu: str | None
    threads: int


@dataclass(frozen=True)
class Job:
    """One attempt at one run."""

    run_id: int
    attempt: int
    spec: RunSpec
    output: Path
    roots: tuple[Path, ...]


@dataclass(frozen=True)
class Sent:
    """One event of an attempt, numbered from 0; the last one of a job has ``last``."""

    run_id: int
    attempt: int
    seq: int
    event: Event


def main(connection: Connection, device: Device) -> None:
    """Serve jobs until the connection closes or the server is gone."""
    if device.gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device.gpu
    else:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["OMP_NUM_THREADS"] = str(device.threads)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    threading.Thread(target=die_with_parent, daemon=True).start()

    import torch

    from loraone.run import run
    from loraone.workspace import Workspace

    if device.gpu is None:
        torch.set_num_threads(device.threads)
    workspace = Workspace("cpu" if device.gpu is None else "cuda")
    while True:
        try:
            job: Job = connection.recv()
        except EOFError:
            return
        events = run(job.spec, workspace=workspace, output=job.output, roots=job.roots)
        for seq, event in enumerate(events):
            connection.send(Sent(job.run_id, job.attempt, seq, event))


def die_with_parent() -> None:
    """End this process when the server is gone, even in the middle of a long computation."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
