"""``gamma: auto`` in real runs: no γ that was tried has a lower held-out loss than the one used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loraone.events import Finished, InitReport
from loraone.methods.lora_one.factors import GRID
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run

WORKSPACES: dict[tuple[str, str], Workspace] = {}


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("scale", ["spectral", "gradient"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("arch", ["bert", "llama", "t5"])
def test_a_run_starts_at_the_lowest_held_out_loss_of_all_that_it_tried(
    tiny_models: dict[str, Path], texts_csv: Path, arch: str, dtype: str, scale: str, seed: int
) -> None:
    spec = tiny_run(
        tiny_models[arch],
        texts_csv,
        {"name": "lora_one", "params": {"scale": scale, "gamma": "auto"}},
        model={"id": str(tiny_models[arch]), "dtype": dtype},
        grid={"ranks": [4], "learning_rates": [0.01], "seeds": [seed]},
    )
    workspace = WORKSPACES.setdefault((arch, dtype), Workspace("cpu"))
    events: list[Any] = list(run(spec, workspace=workspace))
    assert isinstance(events[-1], Finished), events[-1]
    (report,) = (e for e in events if isinstance(e, InitReport))
    name = "held_out_loss_at_gamma_"
    tried = {n.removeprefix(name): v for n, v in report.chosen.items() if n.startswith(name)}
    assert {f"{gamma:.4g}" for gamma in GRID} <= set(tried)
    assert report.scalars["held_out_loss_after"] == min(tried.values())
    assert tried[f"{report.chosen['gamma']:.4g}"] == min(tried.values())
