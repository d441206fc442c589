"""The mean loss is a float32 number, whatever the format of the weights and the task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from loraone.events import InitReport, Metric
from loraone.inputs.data.batches import IGNORED
from loraone.inputs.models import loading
from loraone.inputs.models.loss import mean_loss
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import TASK_OF, tiny_run
from tests.loraone.methods.tiny import ARCHITECTURES, CPU


def loaded(models: dict[str, Path], texts: Path, arch: str, dtype: str) -> Any:
    spec = tiny_run(models[arch], texts, "lora", model={"id": str(models[arch]), "dtype": dtype})
    return loading.load(spec.model, spec.task, 2, CPU).model


def batch_of(arch: str) -> dict[str, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(3, 20, (6, 9), generator=draw)
    mask = torch.ones_like(ids)
    mask[::2, 6:] = 0
    labels = torch.arange(6) % 2
    if arch != "bert":
        labels = ids.masked_fill(mask == 0, IGNORED)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_it_is_the_cross_entropy_of_the_models_logits_in_float64(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str, dtype: str
) -> None:
    model, batch = loaded(tiny_models, texts_csv, arch, dtype), batch_of(arch)
    with torch.no_grad():
        output = model(**batch)
        loss = mean_loss(model, batch)
    assert loss.dtype == torch.float32
    logits, labels = output.logits.double(), batch["labels"]
    if TASK_OF.get(arch, "causal-lm") == "causal-lm":
        logits, labels = logits[:, :-1], labels[:, 1:]
    expected = cross_entropy(logits.reshape(-1, logits.shape[-1]), labels.reshape(-1))
    assert float(loss) == pytest.approx(float(expected), rel=2e-6)
    if dtype == "float32":
        assert torch.equal(loss, output.loss), "nothing changes where it was float32 before"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_no_loss_of_a_run_is_a_number_of_16_bits(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str, dtype: str
) -> None:
    model = {"id": str(tiny_models[arch]), "dtype": dtype}
    spec = tiny_run(tiny_models[arch], texts_csv, "lora_one", model=model)
    events = list(run(spec, workspace=Workspace("cpu")))
    (report,) = (e for e in events if isinstance(e, InitReport))
    losses = [v for name, v in report.scalars.items() if "loss" in name]
    losses += [e.values["train_loss"] for e in events if isinstance(e, Metric) and e.step]
    short = getattr(torch, dtype)
    rounded = [value for value in losses if float(torch.tensor(value).to(short)) == value]
    assert len(losses) >= 8
    assert len(rounded) <= 1, "but for chance a float32 has bits that 16 do not"
