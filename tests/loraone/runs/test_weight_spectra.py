"""The spectrum of a pretrained weight is computed once: for all seeds, runs, workers and users."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from loraone.events import Spectra
from loraone.progress import finish
from loraone.runs import weight_spectra
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec
from tests.conftest import tiny_run

Computed = list[tuple[int, ...]]


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> Computed:
    """The shapes of the weights whose spectra were computed."""
    shapes: Computed = []
    plain = weight_spectra.singular_values

    def counted(matrix: Tensor) -> Tensor:
        shapes.append(tuple(matrix.shape))
        return plain(matrix)

    monkeypatch.setattr(weight_spectra, "singular_values", counted)
    return shapes


def told(spec: RunSpec, workspace: Workspace) -> dict[str, Any]:
    """The spectra of weights that a run tells of, by layer."""
    events = list(run(spec, workspace=workspace))
    return {
        event.layer: event.values.tolist()
        for event in events
        if isinstance(event, Spectra) and event.quantity == "weight"
    }


def shared(folder: Path) -> Workspace:
    workspace = Workspace("cpu")
    workspace.share(folder)
    return workspace


def test_other_seeds_methods_ranks_and_workers_take_what_is_there(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, computed: Computed
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, "pissa")
    warm = shared(tmp_path)
    first = told(spec, warm)
    assert len(computed) == len(first) == 14
    for changed in ({"seed": 1}, {"rank": 2}, {"learning_rate": 1e-5}):
        assert told(spec.model_copy(update=changed), warm) == first
    other = tiny_run(tiny_models["llama"], texts_csv, "full", model={
        "id": str(tiny_models["llama"]), "targets": ["q_proj", "up_proj"]})  # fmt: skip
    some = told(other, shared(tmp_path))
    assert some == {name: first[name] for name in some}
    assert len(some) == 4
    assert len(computed) == 14, "each was computed once"


def test_they_are_those_of_the_model_that_was_loaded(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    spec = tiny_run(tiny_models["gpt2"], texts_csv, "lora")
    found = told(spec, Workspace("cpu"))
    workspace = Workspace("cpu")
    finish(workspace.prepare(spec))
    for layer in workspace.prepared.loaded.layers:
        exact = torch.linalg.svdvals(layer.weight.double())
        assert torch.allclose(torch.tensor(found[layer.name]).double(), exact, atol=1e-5 * exact[0])


def test_another_format_of_the_same_model_has_its_own(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, computed: Computed
) -> None:
    model = {"id": str(tiny_models["llama"]), "dtype": "bfloat16"}
    told(tiny_run(tiny_models["llama"], texts_csv, "lora"), shared(tmp_path))
    told(tiny_run(tiny_models["llama"], texts_csv, "lora", model=model), shared(tmp_path))
    assert len(computed) == 28


@pytest.mark.parametrize("content", [b"", b"\x00" * 90, None], ids=["empty", "noise", "cut"])
def test_a_file_that_cannot_be_read_is_computed_anew(
    content: bytes | None,
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    computed: Computed,
) -> None:
    spec = tiny_run(tiny_models["llama"], texts_csv, "lora")
    first = told(spec, shared(tmp_path))
    file = sorted(tmp_path.glob("weight-*.safetensors"))[0]
    whole = file.read_bytes()
    file.write_bytes(whole[:-8] if content is None else content)
    assert told(spec, shared(tmp_path)) == first
    assert len(computed) == 15
    assert file.read_bytes() == whole
    assert not list(tmp_path.glob("*.new"))
