"""Starting points that workers share: taken once, read back bit for bit, never trusted blindly."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from loraone.events import Event, Failed, InitReport, Metric, Progress, Spectra
from loraone.gradient.sharing import Share
from loraone.gradient.starting_point import GradientTaker
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
    spec = spec.model_copy(update={"gradient": spec.gradient.model_copy(update={"way": way})})
    alone = numbers(events(spec, None))
    first = numbers(events(spec, tmp_path))

    def refuse(*args: object) -> None:
        raise AssertionError("the gradient was taken again")

    for name in ("sums", "triplets", "trust", "_blocks"):
        monkeypatch.setattr(GradientTaker, name, refuse)
    second = numbers(events(spec, tmp_path))
    assert alone == first == second


def test_another_model_under_the_same_name_is_not_taken_for_it(
    spec: RunSpec, tmp_path: Path
) -> None:
    events(spec, tmp_path / "shared")
    copied = Workspace("cpu")
    copied.share(tmp_path / "shared")
    list(copied.prepare(spec))
    with torch.no_grad():
        copied.prepared.loaded.layers[0].parameter.add_(1.0)
    phases = {one.phase for one in copied.take_gradient(spec)}
    assert "gradient" in phases


def test_a_file_that_cannot_be_read_is_computed_anew(spec: RunSpec, tmp_path: Path) -> None:
    expected = numbers(events(spec, tmp_path))
    files = list(tmp_path.glob("*.safetensors"))
    assert len(files) >= 2
    for file in files:
        file.write_bytes(file.read_bytes()[:100])
    assert numbers(events(spec, tmp_path)) == expected


def test_who_comes_second_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    first, second = Share(tmp_path, "key"), Share(tmp_path, "key")
    list(first.turn("gradient"))
    threading.Timer(0.7, first.done).start()
    began = time.monotonic()
    said = list(second.turn("gradient"))
    assert time.monotonic() - began >= 0.5
    assert said
    assert all(one == Progress("gradient", 0, 1, "another lane computes it") for one in said)
    second.done()


def test_tensors_that_share_memory_come_back_each_as_it_was(tmp_path: Path) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    parts = {"top": whole[:1], "side": whole[:, 1], "turned": whole.T}
    share = Share(tmp_path, "key")
    share.write("part", parts, {"of": 3})
    found = share.read("part")
    assert found is not None
    assert found[1] == {"of": 3}
    assert all(torch.equal(found[0][name], tensor) for name, tensor in parts.items())
