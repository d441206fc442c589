"""Twelve methods on MiniLM: one experiment of a server beside its specs run one by one.

    python -m benchmarks.twelve [STEPS]

One by one is what a shell loop over ``loraone run`` does: a process, a model and a gradient for
each. The server has its usual lanes, and once more two that share the CPU.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from benchmarks.server import served

METHODS = (
    "lora",
    "lora_one",
    "pissa",
    "lora_ga_paper",
    "lora_ga",
    "random_matched",
    "gaussian",
    "olora",
    "orthogonal",
    "mica",
    "eva",
    "full",
)


def spec(methods: list[str], steps: int) -> dict[str, Any]:
    """MiniLM with the default data, briefly trained at one learning rate."""
    return {
        "name": ", ".join(methods),
        "methods": methods,
        "grid": {"learning_rates": [1e-3]},
        "training": {"steps": steps, "eval_every": steps},
    }


def one_by_one(methods: list[str], steps: int, folder: Path) -> float:
    """Seconds that a loop over ``loraone run`` takes."""
    began = time.monotonic()
    for name in methods:
        file = folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(spec([name], steps)))
        output = ["--results", str(folder / "events.jsonl"), "--output", str(folder / name)]
        command = [sys.executable, "-m", "backend.cli", "run", str(file), *output]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return time.monotonic() - began


def at_once(methods: list[str], steps: int, folder: Path, lanes: int) -> float:
    """Seconds from the launch to the end of the last run, with a server that has just started."""
    settings = {
        "LORAONE_CPU_THREADS": str(os.cpu_count() or 1),
        "LORAONE_LANES_PER_DEVICE": str(lanes),
    }
    with served(folder, **settings) as (http, _):
        began = time.monotonic()
        answer = http.post("/api/experiments", json=spec(methods, steps))
        answer.raise_for_status()
        key = answer.json()["id"]
        while True:
            counts = http.get(f"/api/experiments/{key}").json()["counts"]
            if counts["queued"] + counts["running"] == 0:
                break
            time.sleep(1)
        assert counts["succeeded"] == len(methods), counts
        return time.monotonic() - began


def main(steps: int) -> dict[str, Any]:
    """All three, one after the other on the same machine."""
    methods = list(METHODS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loop = one_by_one(methods, steps, folder)
        single = at_once(methods, steps, folder / "one", 1)
        double = at_once(methods, steps, folder / "two", 2)
    return {
        "methods": len(methods),
        "steps": steps,
        "one_by_one_s": round(loop, 1),
        "server_one_lane_s": round(single, 1),
        "server_two_lanes_s": round(double, 1),
        "ratio_one_lane": round(single / loop, 3),
        "ratio_two_lanes": round(double / loop, 3),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10), indent=2))
