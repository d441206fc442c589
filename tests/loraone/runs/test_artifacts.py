"""What a run wrote is verified by reading it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from loraone.errors import ExportError
from loraone.events import Artifact, Finished, Note
from loraone.inputs.models.targets import TargetLayer
from loraone.linalg.matrices import Change, Dense
from loraone.runs import artifacts
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run


class Trained:
    """Layers that have changed by given matrices."""

    def __init__(self, changes: dict[str, torch.Tensor]) -> None:
        self._changes = changes

    def change(self, name: str) -> Change:
        return Dense(self._changes[name])

    update = product = initial = change

    def factors(self, name: str) -> None:
        """There are none."""


@pytest.fixture
def layers() -> tuple[TargetLayer, ...]:
    return tuple(TargetLayer(name, torch.nn.Linear(5, 7)) for name in ("a", "b"))


@pytest.fixture
def trained(layers: tuple[TargetLayer, ...]) -> Trained:
    draw = torch.Generator().manual_seed(0)
    return Trained({layer.name: torch.randn(7, 5, generator=draw) for layer in layers})


def test_directions_are_the_top_triplets_of_the_change(
    trained: Trained, layers: tuple[TargetLayer, ...], tmp_path: Path
) -> None:
    artifact = artifacts.write_directions(trained, layers, 2, tmp_path)
    assert (artifact.name, artifact.verified, artifact.max_error) == ("directions", True, 0.0)
    stored = load_file(artifact.path)
    assert artifact.bytes == Path(artifact.path).stat().st_size
    for layer in layers:
        U, S, Vh = torch.linalg.svd(trained.change(layer.name).dense())
        torch.testing.assert_close(stored[f"{layer.name}.S"], S[:2], rtol=1e-4, atol=1e-6)
        best = U[:, :2] * S[:2] @ Vh[:2]
        product = (
            stored[f"{layer.name}.U"] * stored[f"{layer.name}.S"] @ stored[f"{layer.name}.V"].T
        )
        torch.testing.assert_close(product, best, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("damage", ["flip", "drop"])
def test_directions_that_read_back_otherwise_are_refused(
    trained: Trained, layers: tuple[TargetLayer, ...], tmp_path: Path, damage: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def careless(tensors: dict[str, torch.Tensor], file: Path) -> None:
        written = {name: tensor.clone() for name, tensor in tensors.items()}
        if damage == "flip":
            written["b.S"].view(torch.int32)[0] ^= 1
        else:
            del written["b.S"]
        save_file(written, file)

    monkeypatch.setattr(artifacts, "save_file", careless)
    with pytest.raises(ExportError, match=r"of b\.S"):
        artifacts.write_directions(trained, layers, 2, tmp_path)


def test_an_adapter_that_reads_back_as_another_function_is_kept_and_not_verified(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = artifacts.export.write

    def careless(portable: Any, *rest: Any) -> None:
        for factors in portable.layers.values():
            factors.B.add_(1.0)
        real(portable, *rest)

    monkeypatch.setattr(artifacts.export, "write", careless)
    spec = tiny_run(tiny_models["llama"], texts_csv, "lora_one")
    events = list(run(spec, workspace=Workspace("cpu"), output=tmp_path))
    assert isinstance(events[-1], Finished)
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert not artifact.verified
    assert artifact.max_error > events[-1].summary["export_allowed"]
    (warning,) = (e for e in events if isinstance(e, Note) and e.warning)
    assert f"differ by {artifact.max_error:.3g}" in warning.message
