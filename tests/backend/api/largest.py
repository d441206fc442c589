"""An export that is as large as is taken in, in everything that lists show."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from backend.storage.store.results import MAX_NOTE
from backend.storage.tables import WARNING

EXPORT = Path(__file__).parents[2] / "archive" / "schema-0004" / "experiment-1.json"
RUNS = 2000
# Metrics of each run: 60 000 rows together.
ROWS = 30
# Four bytes each.
WIDE = "𝛾"


def largest() -> dict[str, Any]:
    """Two thousand runs, each another method, half of them failed, all with much to say."""
    whole: dict[str, Any] = json.loads(EXPORT.read_text())
    whole["experiment"] |= {
        "name": WIDE * 200,
        "description": WIDE * 100_000,
        "search_text": "x" * 200_000,
        "author": "a" * 100,
        "spec": whole["experiment"]["spec"]
        | {"methods": [{"name": f"{i}{'m' * 95}"} for i in range(4000)]},
    }
    whole["tags"] = [f"{i:040d}" for i in range(100)]
    time = "2026-01-01T00:00:00+00:00"
    whole["notes"] = [
        {"version": i, "text": "x" * 99_000, "author": "a", "created_at": time}
        for i in range(1, 61)
    ]
    first = next(run for run in whole["runs"] if run["status"] == "succeeded")
    whole["runs"] = [_run(first, number) for number in range(RUNS)]
    names = [f"layers.{i}.{'q' * 32}" for i in range(15_500)]
    whole["runs"][0]["layers"] = {
        "names": names, "out_features": [4] * 15_500, "in_features": [4] * 15_500
    }  # fmt: skip
    whole["runs"][1]["results"]["alignments"] = [
        {"step": step, "rank": 1, "left": "", "right": "", "energy": ""} for step in range(30_000)
    ]
    return whole


def _run(first: dict[str, Any], number: int) -> dict[str, Any]:
    run = copy.deepcopy(first) | {"layers": None, "label": f"{number:04d}{WIDE * 196}"}
    said = WIDE * (MAX_NOTE // 8)
    run["notes"] = [f"{WARNING}{number} {said}", f"{WARNING}{said}", *[said] * 2]
    run["reason"] = "r" * 1000
    run["spec"] = run["spec"] | {
        "method": {
            "name": f"m{number:04d}",
            "params": {f"p{i:03d}": f"{number} {'v' * 60}" for i in range(50)},
        }
    }
    run["method"] = run["spec"]["method"]["name"]
    run["summary"] = run["summary"] | {f"s{i}": 1.5 for i in range(50)}
    run["results"] = {
        "metrics": [
            {"name": "train_loss", "step": step, "value": 1 / 3, "seconds": 0.5, "tokens": step}
            for step in range(ROWS)
        ]
    }
    if number % 2:
        text = "e" * 1000
        error = {"code": "c" * 100, "message": text, "field": text, "value": text, "hint": text}
        run |= {"status": "failed", "error": error, "summary": None}
    return run
