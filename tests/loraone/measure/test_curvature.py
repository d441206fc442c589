"""The largest Hessian eigenvalue against the whole Hessian, where that can be written down."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from loraone.events import InitReport, Note
from loraone.measure.curvature import largest_eigenvalue
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run


class _Factors(nn.Module):
    """½‖x (W + B·A)ᵀ − y‖² / N: the loss of one adapted layer."""

    def __init__(self, zero: bool) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(0)
        self.A = nn.Parameter(torch.randn(2, 5, generator=draw))
        self.B = nn.Parameter(torch.zeros(4, 2) if zero else torch.randn(4, 2, generator=draw))
        self.W = torch.randn(4, 5, generator=draw)

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> Any:
        error = x @ (self.W + self.B @ self.A).T - y
        return SimpleNamespace(loss=0.5 * error.square().sum() / len(x))


@pytest.mark.parametrize("zero", [True, False], ids=["B zero", "B not zero"])
def test_it_is_the_largest_eigenvalue_of_the_whole_hessian(zero: bool) -> None:
    draw = torch.Generator().manual_seed(1)
    batch = {"x": torch.randn(30, 5, generator=draw), "y": torch.randn(30, 4, generator=draw)}
    model = _Factors(zero)
    found = largest_eigenvalue(model, batch, [model.A, model.B])

    def loss(flat: torch.Tensor) -> torch.Tensor:
        A, B = flat[:10].reshape(2, 5), flat[10:].reshape(4, 2)
        error = batch["x"] @ (model.W + B @ A).T - batch["y"]
        return 0.5 * error.square().sum() / 30

    at = torch.cat([model.A.detach().flatten(), model.B.detach().flatten()])
    values = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss, at))
    assert found.value == pytest.approx(float(values[-1]), rel=0.02)
    assert abs(found.value - float(values[-1])) <= found.residual + 1e-3


def test_gradient_descent_diverges_just_above_the_predicted_rate_and_not_below() -> None:
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(30, 5, generator=draw)
    model = _Factors(zero=False)
    with torch.no_grad():  # at the minimum the loss is quadratic, so 2/λ is exact
        y = x @ (model.W + model.B @ model.A).T
    batch = {"x": x, "y": y}
    rate = 2 / largest_eigenvalue(model, batch, [model.A, model.B]).value
    for factor, grows in ((0.9, False), (1.1, True)):
        copy = _Factors(zero=False)
        with torch.no_grad():
            for parameter in copy.parameters():
                parameter += 1e-4 * torch.randn(parameter.shape, generator=draw)
        optimizer = torch.optim.SGD(copy.parameters(), lr=factor * rate)
        losses = []
        for _ in range(80):
            loss = copy(**batch).loss
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert (losses[-1] > losses[0]) == grows


@pytest.mark.parametrize("architecture", ["bert", "llama", "gpt2", "t5"])
@pytest.mark.parametrize("method", ["lora", "lora_one", "lora_sb", "full"])
def test_runs_report_it_for_every_kind_of_trained_parameter(
    tiny_models: dict[str, Path], texts_csv: Path, architecture: str, method: str
) -> None:
    measure = {"held_out_samples": 8, "hessian": True}
    spec = tiny_run(tiny_models[architecture], texts_csv, method, measure=measure)
    (report,) = (e for e in run(spec, workspace=Workspace("cpu")) if isinstance(e, InitReport))
    assert report.scalars["hessian_max"] > 0
    assert report.scalars["hessian_residual"] < 0.2 * report.scalars["hessian_max"]


def test_dora_has_none_and_the_run_says_why(tiny_models: dict[str, Path], texts_csv: Path) -> None:
    measure = {"held_out_samples": 8, "hessian": True}
    spec = tiny_run(tiny_models["bert"], texts_csv, measure=measure, adapter={"dora": True})
    events = list(run(spec, workspace=Workspace("cpu")))
    assert any(isinstance(e, Note) and "DoRA" in e.message for e in events)
    (report,) = (e for e in events if isinstance(e, InitReport))
    assert "hessian_max" not in report.scalars
