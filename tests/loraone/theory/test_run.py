"""A theory run is a run like any other: the same events, the same command, the same refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from loraone.catalog import METHODS
from loraone.events import (
    Alignment,
    Failed,
    Finished,
    InitReport,
    Layers,
    Metric,
    Note,
    Overlap,
    Spectra,
    Started,
    UpdateReport,
    from_json,
)
from loraone.runs.run import run
from loraone.spec.experiment import ExperimentSpec, expand
from loraone.theory.solve import solve
from tests.loraone.theory.conftest import ONE, experiment, runs

SYNTHETIC = [
    ONE if row.name == "lora_one" else row.name for row in METHODS.values() if row.synthetic
]


@pytest.mark.parametrize("activation", ["linear", "two-layer"])
@pytest.mark.parametrize("method", SYNTHETIC, ids=str)
def test_it_yields_every_kind_of_event_with_the_solutions_numbers(
    method: Any, activation: str
) -> None:
    spec = runs(method, problem={"activation": activation})[0]
    events: list[Any] = list(run(spec))
    assert isinstance(events[-1], Finished), events[-1]
    kinds = {type(event) for event in events}
    assert {Started, Layers, Spectra, InitReport, Alignment, Overlap, UpdateReport} <= kinds
    (solution,) = solve([spec])
    metrics = [event for event in events if isinstance(event, Metric)]
    assert [m.step for m in metrics] == [0, 5, 10, 15, 20]
    for metric in metrics:
        assert metric.values["relative_loss"] == solution.losses[metric.step]
    summary = events[-1].summary
    assert summary["relative_loss"] == solution.losses[-1]
    (layers,) = (event for event in events if isinstance(event, Layers))
    assert layers.names == spec.problem.names
    change = next(e for e in events if isinstance(e, Spectra) and e.quantity == "change")
    moved = (
        solution.weights[change.layer]
        - dict(zip(spec.problem.names, solution.teacher.start, strict=True))[change.layer]
    )
    exact = np.linalg.svd(moved.numpy(), compute_uv=False)
    count = min(len(exact), len(change.values))
    np.testing.assert_allclose(change.values[:count], exact[:count], rtol=1e-4, atol=1e-5)


def test_lora_one_begins_aligned_and_its_notes_tell_the_prediction() -> None:
    spec = runs(ONE, training={"steps": 400}, grid={"ranks": [2]})[0]
    events = list(run(spec))
    first = next(e for e in events if isinstance(e, Alignment))
    assert np.nanmax(first.left) < 1e-6
    assert any(isinstance(e, Note) and "predicted" in e.message for e in events)


def test_a_learning_rate_above_the_edge_of_stability_fails_with_the_way_out() -> None:
    spec = runs(ONE, grid={"learning_rates": [9.0]}, training={"steps": 2000})[0]
    failed = list(run(spec))[-1]
    assert isinstance(failed, Failed)
    assert failed.field == "learning_rate"
    assert "lower the learning rate" in (failed.hint or "")


def test_a_theory_run_that_fails_leaves_the_warm_model_of_the_lane_alone() -> None:
    class Warm:
        forgotten = False

        def forget(self) -> None:
            self.forgotten = True

    warm: Any = Warm()
    spec = runs(ONE, grid={"learning_rates": [9.0]}, training={"steps": 2000})[0]
    assert isinstance(list(run(spec, workspace=warm))[-1], Failed)
    assert not warm.forgotten


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"methods": ["pissa"]}, "computed by PEFT on a real model"),
        ({"methods": ["lora_ga"], "grid": {"ranks": [30]}}, "2r singular directions"),
        ({"grid": {"ranks": [49]}}, "1 to 48"),
        ({"training": {"optimizer": "lorafa"}}, "LoRA-FA is PEFT's"),
        ({"adapter": {"dora": True}}, "no DoRA"),
        ({"problem": {"true_rank": 60}}, "above the narrowest width 48"),
        ({"sweep": {"parameter": "samples", "values": [10.5]}}, "samples"),
        ({"task": "causal-lm", "sweep": {}}, "has a problem to sweep"),
        ({"methods": [{"name": "full", "optimizer": "loraplus"}]}, "two trained factors"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        ExperimentSpec.model_validate({"task": "teacher-student", "methods": ["lora"], **changes})


def test_a_sweep_and_an_optimiser_of_ones_own_are_told_in_the_label() -> None:
    found = runs(
        ONE | {"optimizer": "riemannian-sgd"},
        sweep={"parameter": "samples", "values": [50, 60]},
        grid={"seeds": [0]},
    )
    assert [one.label for one in found] == [
        "LoRA-One (gradient, γ 1, preconditioned descent), N 50",
        "LoRA-One (gradient, γ 1, preconditioned descent), N 60",
    ]
    assert {one.training.optimizer for one in found} == {"riemannian-sgd"}


def test_the_command_line_runs_it_without_transformers_and_repeats_it(tmp_path: Path) -> None:
    spec = experiment(ONE, grid={"seeds": [7]})
    file = tmp_path / "theory.yaml"
    file.write_text(yaml.safe_dump(spec.model_dump(mode="json", exclude_defaults=True)))
    code = (
        "import sys; from backend.cli.commands import app;"
        f"app(['run', {str(file)!r}, '--results', sys.argv[1]], standalone_mode=False);"
        "bad = {'transformers', 'peft', 'datasets'} & set(sys.modules); assert not bad, bad"
    )
    losses = []
    for name in ("one", "two"):
        target = tmp_path / name
        subprocess.run([sys.executable, "-c", code, str(target)], check=True, capture_output=True)
        rows = [json.loads(line) for line in target.read_text().splitlines()]
        events = [from_json({k: v for k, v in row.items() if k != "run"}) for row in rows]
        losses.append([e.values for e in events if isinstance(e, Metric)])
    assert losses[0] == losses[1]
    (solution,) = solve(expand(spec))
    assert losses[0][-1]["relative_loss"] == solution.losses[-1]


def test_the_table_of_an_oracle_is_printed_and_an_unknown_one_refused() -> None:
    command = [sys.executable, "-m", "backend.cli", "theory"]
    good = subprocess.run(
        [*command, "O4n", "--seeds", "2"], capture_output=True, text=True, check=True
    )
    assert "both preconditioned" in good.stdout
    assert "< 1.3" in good.stdout
    bad = subprocess.run([*command, "O99"], capture_output=True, text=True, check=False)
    assert bad.returncode == 2
    assert "O3n" in bad.stderr
