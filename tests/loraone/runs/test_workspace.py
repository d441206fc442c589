"""What stays warm between runs, what is let go, and what workers share."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.errors import LoraOneError
from loraone.events import Failed, Finished, Note, Progress
from loraone.inputs.models import loading
from loraone.progress import finish
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.busy import busy
from tests.conftest import tiny_run


@pytest.fixture
def spec(tiny_models: dict[str, Path], texts_csv: Path) -> RunSpec:
    gradient = {"samples": 16, "micro_batch": 8, "head_warmup_steps": 2}
    return tiny_run(tiny_models["bert"], texts_csv, "lora_one", gradient=gradient)


def begun(spec: RunSpec, folder: Path | None = None) -> Workspace:
    """A workspace that stands at the start of ``spec``, with its triplets."""
    workspace = Workspace("cpu")
    workspace.share(folder)
    for steps in start_steps(workspace, spec):
        finish(steps)
    return workspace


def start_steps(workspace: Workspace, spec: RunSpec) -> Iterator[Any]:
    yield workspace.prepare(spec)
    yield workspace.take_gradient(spec)
    yield workspace.decompose(spec, spec.rank)
    yield workspace.measure_split_half_agreement(spec)


def phases(workspace: Workspace, spec: RunSpec) -> list[str]:
    """What a run on this workspace says of its progress, one word a phase."""
    said = [event.phase for event in run(spec, workspace=workspace) if isinstance(event, Progress)]
    return list(dict.fromkeys(said))


def weights(workspace: Workspace) -> str:
    return loading.weights_hash(workspace.prepared.loaded.model)


def same(first: Workspace, second: Workspace, count: int) -> bool:
    """Whether both hold the same start, to the last bit."""
    a, b = first.start, second.start
    pairs = [(a.gradients[name], b.gradients[name]) for name in a.gradients]
    pairs += [(a.spectra[key].values, b.spectra[key].values) for key in a.spectra]
    for name, top in a.decompositions[count].items():
        other = b.decompositions[count][name]
        pairs += [(top.U, other.U), (top.S, other.S), (top.V, other.V)]
        scalars = [[d.frobenius, d.error, d.gap] for d in (top, other)]
        assert repr(scalars[0]) == repr(scalars[1]), "also where a sketch does not know them"
    for name, state in a.heads.items():
        pairs += [(state[key], b.heads[name][key]) for key in state]
    assert a.gradients.keys() == b.gradients.keys()
    assert a.spectra.keys() == b.spectra.keys()
    assert (a.gradient_rows, a.held_out_rows) == (b.gradient_rows, b.held_out_rows)
    assert (a.weights_hash, a.agreements) == (b.weights_hash, b.agreements)
    return all(torch.equal(x, y) for x, y in pairs)


def test_a_second_run_loads_nothing_and_takes_no_gradient(spec: RunSpec) -> None:
    workspace = Workspace("cpu")
    first = phases(workspace, spec)
    assert first == ["load", "head", "gradient", "spectra", "svd", "trust", "init", "train",
                     "measure"]  # fmt: skip
    model, start = workspace.prepared.loaded.model, workspace.start
    assert phases(workspace, spec) == ["init", "train", "measure"]
    assert workspace.prepared.loaded.model is model
    assert workspace.start is start


def test_another_rank_decomposes_anew_and_takes_no_gradient(
    spec: RunSpec, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    workspace = Workspace("cpu")
    phases(workspace, spec)
    assert phases(workspace, spec.model_copy(update={"rank": 2})) == [
        "svd", "trust", "init", "train", "measure"
    ]  # fmt: skip


def test_another_model_is_loaded_and_the_first_is_let_go(
    spec: RunSpec, tiny_models: dict[str, Path], texts_csv: Path
) -> None:
    workspace = begun(spec)
    first = workspace.prepared
    other = tiny_run(tiny_models["llama"], texts_csv, "lora_one")
    assert "load" in phases(workspace, other)
    assert workspace.prepared is not first
    assert workspace.prepared.loaded.location == str(tiny_models["llama"])
    assert "load" in phases(workspace, spec)


def test_another_seed_takes_another_gradient_of_the_same_model(spec: RunSpec) -> None:
    workspace = begun(spec)
    model, rows = workspace.prepared.loaded.model, workspace.start.gradient_rows
    finish(workspace.take_gradient(spec.model_copy(update={"seed": 1})))
    assert workspace.prepared.loaded.model is model
    assert workspace.start.gradient_rows != rows


def test_a_run_that_fails_is_forgotten(spec: RunSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = begun(spec)
    too_high = spec.model_copy(update={"rank": 9999})
    assert isinstance(list(run(too_high, workspace=workspace))[-1], Failed)
    assert "load" in phases(workspace, spec)


def test_a_run_that_is_stopped_stops_at_the_next_step_and_is_forgotten(
    spec: RunSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace("cpu")
    events = run(spec, workspace=workspace)
    for event in events:
        if isinstance(event, Progress) and (event.phase, event.done) == ("gradient", 1):
            break
    assert workspace.prepared.loaded is not None
    model = workspace.prepared.loaded.model
    hooks = sum(len(module._forward_hooks) for module in model.modules())
    assert hooks, "the gradient must have been half-way"
    events.close()  # type: ignore[attr-defined]
    assert not any(module._forward_hooks for module in model.modules())
    assert "load" in phases(workspace, spec)


def test_what_a_run_changed_is_put_back(spec: RunSpec) -> None:
    workspace = begun(spec)
    before = weights(workspace)
    assert before == workspace.start.weights_hash
    list(run(spec.model_copy(update={"method": spec.method.model_copy(update={"name": "full"})}),
             workspace=workspace))  # fmt: skip
    assert weights(workspace) == before
    with torch.no_grad():
        for layer in workspace.prepared.loaded.layers:
            layer.parameter.add_(1.0)
        workspace.prepared.loaded.model.classifier.weight.zero_()
    assert weights(workspace) != before
    workspace.restore()
    assert weights(workspace) == before


def test_a_changed_buffer_cannot_be_put_back_and_the_model_is_not_kept(spec: RunSpec) -> None:
    workspace = begun(spec)
    model = workspace.prepared.loaded.model
    model.register_buffer("counter", torch.zeros(1))
    with pytest.raises(LoraOneError, match="could not be restored"):
        workspace.restore()
    assert "load" in phases(workspace, spec)


@pytest.mark.parametrize(
    "gradient",
    [
        {"strategy": "accumulate", "micro_batch": 8},
        {"strategy": "layerwise", "micro_batch": 16},
        {"strategy": "sketch", "micro_batch": 8},
    ],
    ids=lambda gradient: str(gradient["strategy"]),
)
def test_two_workers_compute_a_start_once_and_hold_it_equal_to_the_last_bit(
    spec: RunSpec, tmp_path: Path, gradient: dict[str, Any]
) -> None:
    spec = spec.model_copy(update={"gradient": spec.gradient.model_copy(update=gradient)})
    first = begun(spec, tmp_path)
    second = Workspace("cpu")
    second.share(tmp_path)
    said = [step.phase for steps in start_steps(second, spec) for step in steps]
    assert set(said) == {"load"}
    assert same(first, second, spec.rank)
    assert same(first, begun(spec), spec.rank), "alone it comes to the same"
    events = list(run(spec, workspace=second))
    assert isinstance(events[-1], Finished), events[-1]
    assert not any(isinstance(event, Note) and "anew" in event.message for event in events)


def test_a_shared_file_that_is_damaged_is_computed_anew_and_written_again(
    spec: RunSpec, tmp_path: Path
) -> None:
    first = begun(spec, tmp_path)
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) == 3
    whole = [file.stat().st_size for file in files]
    for file in files:
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert same(first, begun(spec, tmp_path), spec.rank)
    assert [file.stat().st_size for file in files] == whole


HOLD = """
import sys, time
from filelock import FileLock
with FileLock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_that_another_process_holds_is_waited_for_with_progress_until_it_dies(
    spec: RunSpec, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    first = begun(spec, shared)
    (lock,) = shared.glob("*.lock")
    for file in shared.glob("*.safetensors"):
        file.unlink()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        second = Workspace("cpu")
        second.share(shared)
        finish(second.prepare(spec))
        steps = second.take_gradient(spec)
        waiting = Progress("gradient", 0, 1, "another lane computes it")
        assert [next(steps), next(steps)] == [waiting, waiting]
        holder.kill()
        holder.wait()
        began = time.monotonic()
        rest = list(steps)
        assert time.monotonic() - began < 30 * busy()
        assert "head" in {step.phase for step in rest}
    finally:
        holder.kill()
        holder.wait()
    finish(second.decompose(spec, spec.rank))
    finish(second.measure_split_half_agreement(spec))
    assert same(first, second, spec.rank)


def test_the_folder_may_vanish_between_runs(spec: RunSpec, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    begun(spec, shared)
    shutil.rmtree(shared)
    assert same(begun(spec, shared), begun(spec), spec.rank)
