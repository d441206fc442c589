"""An exported adapter that is another one is seen in every number format, and costs no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from loraone.adapters import export, verification
from loraone.events import Artifact, Finished, Metric, Note, UpdateReport
from loraone.measure.evaluator import Evaluator
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run

DTYPES = ["float32", "bfloat16", "float16"]
Damage = Callable[[Path], None]


def halve_alpha(folder: Path) -> None:
    file = folder / "adapter_config.json"
    config = json.loads(file.read_text())
    config["lora_alpha"] /= 2
    file.write_text(json.dumps(config))


def change_tensors(folder: Path, change: Callable[[dict[str, torch.Tensor]], None]) -> None:
    file = folder / "adapter_model.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def scale_one_factor(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = next(name for name in tensors if name.endswith("lora_B.weight"))
        tensors[name] *= 1.2

    change_tensors(folder, change)


def drop_one_row(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        name = [name for name in tensors if name.endswith("lora_B.weight")][-1]
        row = int(tensors[name].norm(dim=1).argmax())
        tensors[name][row] = 0

    change_tensors(folder, change)


def transpose_a_square_layer(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if name.endswith("lora_B.weight")]:
            other = name.replace("lora_B", "lora_A")
            A, B = tensors[other], tensors[name]
            if A.shape[1] == B.shape[0]:
                tensors[other], tensors[name] = B.T.contiguous(), A.T.contiguous()

    change_tensors(folder, change)


def lose_a_layer(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if ".0." in name]:
            del tensors[name]

    change_tensors(folder, change)


def zero_the_head(folder: Path) -> None:
    def change(tensors: dict[str, torch.Tensor]) -> None:
        for name in [name for name in tensors if ".classifier." in name]:
            tensors[name] = torch.zeros_like(tensors[name])

    change_tensors(folder, change)


def events_of(
    models: dict[str, Path], texts: Path, folder: Path, method: str, dtype: str, arch: str
) -> list[Any]:
    model = {"id": str(models[arch]), "dtype": dtype}
    spec = tiny_run(models[arch], texts, method, model=model)
    return list(run(spec, workspace=Workspace("cpu"), output=folder))


def damaged_events(
    monkeypatch: pytest.MonkeyPatch, damage: Damage, *args: Any
) -> tuple[list[Any], Note, Artifact]:
    """A run whose adapter file is damaged behind its back; its warning, and its adapter."""
    real = export.write

    def careless(portable: Any, loaded: Any, spec: Any, folder: Path) -> None:
        real(portable, loaded, spec, folder)
        damage(folder)

    monkeypatch.setattr(export, "write", careless)
    events = events_of(*args)
    (warning,) = (e for e in events if isinstance(e, Note) and e.warning)
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    return events, warning, artifact


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("damage", "method", "arch"),
    [
        (halve_alpha, "lora_one", "llama"),
        (halve_alpha, "pissa", "bert"),
        (scale_one_factor, "pissa", "llama"),
        (scale_one_factor, "full", "gpt2"),
        (drop_one_row, "lora_ga", "t5"),
        (transpose_a_square_layer, "lora", "gpt2"),
        (lose_a_layer, "lora_one", "t5"),
        (zero_the_head, "lora", "bert"),
    ],
    ids=lambda case: case if isinstance(case, str) else case.__name__,
)
def test_a_damaged_adapter_is_warned_of_in_every_format_and_the_run_is_kept(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Damage,
    method: str,
    arch: str,
    dtype: str,
) -> None:
    events, warning, artifact = damaged_events(
        monkeypatch, damage, tiny_models, texts_csv, tmp_path, method, dtype, arch
    )
    assert "the exported adapter is not the trained one" in warning.message
    assert not artifact.verified
    end = events[-1]
    assert isinstance(end, Finished)
    assert end.summary["export_difference"] == artifact.max_error
    assert {"train_loss", "held_out_loss_after"} <= set(end.summary)
    assert max(e.step for e in events if isinstance(e, Metric)) == 4
    assert any(isinstance(e, UpdateReport) for e in events)


@pytest.mark.parametrize("dtype", DTYPES)
def test_logits_that_are_not_numbers_are_a_difference_that_json_can_say(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    dtype: str,
) -> None:
    real = Evaluator.logits

    def overflowing(self: Evaluator, model: Any) -> torch.Tensor:
        logits = real(self, model)
        return logits * float("nan") if isinstance(model, PeftModel) and reloading else logits

    reloading = False
    reload = export.reload

    def spied(*args: Any) -> Any:
        nonlocal reloading
        reloading = True
        return reload(*args)

    monkeypatch.setattr(Evaluator, "logits", overflowing)
    monkeypatch.setattr(export, "reload", spied)
    events = events_of(tiny_models, texts_csv, tmp_path, "lora", dtype, "llama")
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert not artifact.verified
    assert artifact.max_error == float("inf"), "a database has no column for what is not a number"
    assert isinstance(events[-1], Finished)
    assert events[-1].summary["export_difference"] is None
    assert "logits that differ by inf" in next(
        e.message for e in events if isinstance(e, Note) and e.warning
    )


def test_logits_that_agree_in_what_is_not_finite_do_not_differ() -> None:
    nan, inf = float("nan"), float("inf")
    one = torch.tensor([nan, inf, -inf, 1.0])
    assert verification.logits_difference(one, one.clone()) == 0
    assert verification.logits_difference(one, torch.tensor([nan, inf, -inf, 1.5])) == 0.5
    for other in ([1.0, inf, -inf, 1.0], [nan, -inf, -inf, 1.0], [nan, inf, -inf, nan]):
        assert verification.logits_difference(one, torch.tensor(other)) == inf


def test_what_is_allowed_grows_with_the_format_the_logits_and_the_layers() -> None:
    def allowed(size: float, dtype: torch.dtype, layers: int) -> float:
        return verification.logits_allowed(torch.tensor([size, -size / 2]), dtype, layers)

    assert allowed(1, torch.float32, 36) == pytest.approx(1e-4)
    assert allowed(-20, torch.float32, 36) == pytest.approx(2e-3)
    assert allowed(0.1, torch.bfloat16, 36) == pytest.approx(6 * 2.0**-7)
    assert allowed(4, torch.float16, 36) == pytest.approx(4 * 6 * 2.0**-10)
    assert allowed(float("nan"), torch.float16, 36) == pytest.approx(6 * 2.0**-10)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("method", ["lora", "eva", "pissa", "loftq"])
def test_factors_are_trained_in_float32_by_every_method(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    dtype: str,
) -> None:
    formats: set[torch.dtype] = set()
    real = Evaluator.logits

    def spy(self: Evaluator, model: Any) -> torch.Tensor:
        formats.update(p.dtype for name, p in model.named_parameters() if "lora_" in name)
        return real(self, model)

    monkeypatch.setattr(Evaluator, "logits", spy)
    events = events_of(tiny_models, texts_csv, tmp_path, method, dtype, "llama")
    assert isinstance(events[-1], Finished)
    assert formats == {torch.float32}
