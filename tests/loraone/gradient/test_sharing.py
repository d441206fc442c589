"""Starting points that workers share: taken once, read back bit for bit, never trusted blindly."""

from __future__ import annotations

import json
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from loraone.events import Event, Failed, InitReport, Metric, Progress, Spectra
from loraone.gradient.computation import GradientComputation
from loraone.gradient.sharing import SharedParts
from loraone.progress import Steps, finish
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run


@pytest.fixture
def spec(tiny_models: dict[str, Path], texts_csv: Path) -> RunSpec:
    return tiny_run(
        tiny_models["bert"], texts_csv, "lora_one", gradient={"samples": 16, "head_warmup_steps": 2}
    )


def events(spec: RunSpec, folder: Path | None) -> list[Event]:
    """What a fresh worker sends for ``spec``."""
    workspace = Workspace("cpu")
    workspace.share(folder)
    found = list(run(spec, workspace=workspace))
    assert not isinstance(found[-1], Failed), found[-1]
    return found


def numbers(found: list[Event]) -> list[Any]:
    """All that was measured, but for times."""
    kept: list[Any] = []
    for event in found:
        if isinstance(event, Metric):
            kept.append((event.step, event.values))
        elif isinstance(event, Spectra):
            kept.append((event.layer, event.quantity, event.values.tobytes()))
        elif isinstance(event, InitReport):
            kept.append({name: values.tobytes() for name, values in event.layers.items()})
            kept.append(event.scalars)
    return kept


@pytest.mark.parametrize("way", ["accumulate", "sketch"])
def test_a_second_worker_takes_no_gradient_and_measures_the_same_to_the_last_bit(
    spec: RunSpec, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = spec.model_copy(update={"gradient": spec.gradient.model_copy(update={"strategy": way})})
    alone = numbers(events(spec, None))
    first = numbers(events(spec, tmp_path))

    def refuse(*args: object) -> None:
        raise AssertionError("the gradient was taken again")

    for name in ("gradients", "triplets", "split_half_agreement", "_blocks"):
        monkeypatch.setattr(GradientComputation, name, refuse)
    second = numbers(events(spec, tmp_path))
    assert alone == first == second


def test_another_model_under_the_same_name_is_not_taken_for_it(
    spec: RunSpec, tmp_path: Path
) -> None:
    folder = shutil.copytree(spec.model.id, tmp_path / "model")
    spec = spec.model_copy(update={"model": spec.model.model_copy(update={"id": str(folder)})})
    events(spec, tmp_path / "shared")
    weights = load_file(folder / "model.safetensors")
    some = next(name for name in weights if name.endswith("query.weight"))
    weights[some] += 1.0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    copied = Workspace("cpu")
    copied.share(tmp_path / "shared")
    list(copied.prepare(spec))
    phases = {step.phase for step in copied.take_gradient(spec)}
    assert "gradient" in phases


def test_a_file_that_cannot_be_read_is_computed_anew(spec: RunSpec, tmp_path: Path) -> None:
    expected = numbers(events(spec, tmp_path))
    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) >= 2
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert numbers(events(spec, tmp_path)) == expected


def working(tensors: dict[str, torch.Tensor]) -> Steps[dict[str, torch.Tensor]]:
    """A computation of one step."""
    yield Progress("gradient", 0, 1)
    return tensors


def get(parts: SharedParts, tensors: dict[str, torch.Tensor]) -> Steps[dict[str, torch.Tensor]]:
    return parts.get_or_compute(
        "part",
        "gradient",
        lambda: working(tensors),
        lambda value: (value, {"of": 3}),
        lambda stored, beside: dict(stored) if beside == {"of": 3} else None,
    )


def test_who_comes_second_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    first = get(SharedParts(tmp_path, "key"), {"x": torch.ones(2)})
    assert next(first) == Progress("gradient", 0, 1)
    threading.Timer(0.7, first.close).start()
    began = time.monotonic()
    steps = list(get(SharedParts(tmp_path, "key"), {"x": torch.ones(2)}))
    assert time.monotonic() - began >= 0.5
    said = [step for step in steps if step.message]
    assert said
    assert all(step == Progress("gradient", 0, 1, "another lane computes it") for step in said)
    assert steps[-1] == Progress("gradient", 0, 1), "the first was stopped, so it is computed here"


def test_what_one_computed_the_next_reads_and_does_not_compute(tmp_path: Path) -> None:
    finish(get(SharedParts(tmp_path, "key"), {"x": torch.arange(3.0)}))
    steps = get(SharedParts(tmp_path, "key"), {"x": torch.zeros(3)})
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert torch.equal(end.value.value["x"], torch.arange(3.0))


def test_a_file_with_other_contents_than_expected_is_computed_anew(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(3)}, tmp_path / "key.part.safetensors", metadata={"beside": "7"})
    assert torch.equal(finish(get(SharedParts(tmp_path, "key"), {"x": torch.ones(3)}))["x"],
                       torch.ones(3))  # fmt: skip
    again = finish(get(SharedParts(tmp_path, "key"), {"x": torch.zeros(3)}))
    assert torch.equal(again["x"], torch.ones(3)), "what was computed anew must have been written"


def test_tensors_that_share_memory_come_back_each_as_it_was(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = {"top": whole[:1], "side": whole[:, 1], "turned": whole.T}
    finish(get(SharedParts(tmp_path, "key"), tensors))
    with safe_open(tmp_path / "key.part.safetensors", framework="pt") as stored:
        assert json.loads(stored.metadata()["beside"]) == {"of": 3}
    back = finish(get(SharedParts(tmp_path, "key"), {}))
    assert all(torch.equal(back[name], tensor) for name, tensor in tensors.items())
