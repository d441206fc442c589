"""The oracles' experiments, by name; importing them does not import torch."""

from __future__ import annotations

from typing import Any

from loraone.spec.experiment import ExperimentSpec
from loraone.spec.presets import Preset

ONE: dict[str, Any] = {"name": "lora_one", "params": {"scale": "gradient", "gamma": 1}}
HALF: dict[str, Any] = {"name": "lora_one", "params": {"scale": "gradient", "gamma": 0.5}}
# c² = √m/γ = ½ with m = 48.
GA: dict[str, Any] = {"name": "lora_ga_paper", "params": {"gamma": 2 * 48**0.5}}
PRECONDITIONED: dict[str, Any] = {"optimizer": "riemannian-sgd"}
DESCENT = {"optimizer": "sgd"}
RELU: dict[str, Any] = {"activation": "relu", "inputs": 32, "outputs": 24, "true_rank": 3}


def _preset(
    name: str,
    label: str,
    summary: str,
    methods: list[Any],
    *,
    rank: int = 8,
    rate: float = 0.3,
    steps: int = 120,
    every: int = 1,
    damping: float = 1e-8,
    sweep: dict[str, Any] | None = None,
    **problem: Any,
) -> Preset:
    """An experiment of plain gradient descent: constant learning rate, nothing clipped."""
    spec = ExperimentSpec.model_validate(
        {
            "name": f"{name}: {label}",
            "description": summary,
            "task": "teacher-student",
            "problem": problem,
            "methods": methods,
            "grid": {"ranks": [rank], "learning_rates": [rate], "seeds": list(range(10))},
            "sweep": sweep,
            "training": {
                "optimizer": "sgd",
                "riemannian_damping": damping,
                "steps": steps,
                "warmup_steps": 0,
                "schedule": "constant",
                "max_grad_norm": 1e6,
                "eval_every": every,
            },
            "measure": {"alignment_every": every, "save_adapter": False},
        }
    )
    return Preset(name, label, summary, spec)


_ROWS = (
    _preset(
        "O1",
        "The alignment phase",
        "Vanilla LoRA from a small start: its in side turns to the gradient's top subspace, then "
        "leaves it for the solution's.",
        ["lora"],
        init_std=1e-4,
    ),
    _preset(
        "O2",
        "The log(1/std) law",
        "The smaller vanilla's start, the longer the phase: as many steps more for every factor "
        "of 10.",
        ["lora"],
        steps=160,
        every=4,
        sweep={"parameter": "init_std", "values": [1e-5, 1e-4, 1e-3, 1e-2]},
    ),
    _preset(
        "O3",
        "LoRA-One against vanilla",
        "LoRA-One begins aligned and converges linearly at once; vanilla first has to find the "
        "subspace.",
        [ONE, "lora"],
        sweep={"parameter": "init_std", "values": [1e-4, 1e-2]},
    ),
    _preset(
        "O3n",
        "The random control",
        "Negative: with LoRA-One's size and random directions the init raises the loss.",
        [ONE, {"name": "random_matched", "params": {"scale": "gradient", "gamma": 1}}],
    ),
    _preset(
        "O4",
        "Condition numbers",
        "Preconditioned descent takes as many steps for every κ; plain descent about κ times as "
        "many.",
        [ONE | PRECONDITIONED, ONE | DESCENT],
        rank=4,
        steps=500,
        every=10,
        sweep={"parameter": "condition", "values": [1, 10, 100]},
    ),
    _preset(
        "O4n",
        "The preconditioner alone",
        "Negative: preconditioned, vanilla LoRA is as fast as LoRA-One at κ = 100. There the init "
        "does not matter.",
        [ONE | PRECONDITIONED, {"name": "lora"} | PRECONDITIONED],
        rank=4,
        condition=100,
        init_std=1e-4,
    ),
    _preset(
        "O5",
        "LoRA-GA's floor",
        "With r above the true rank LoRA-GA's offset leaves a target of rank above r: the loss "
        "stalls at a floor that is known in closed form.",
        [GA],
        steps=1500,
        every=15,
    ),
    _preset(
        "O6",
        "A ReLU",
        "LoRA-One also converges linearly through a ReLU; γ = ½ makes up for the half that it "
        "cuts off.",
        [HALF, "lora"],
        rank=3,
        rate=0.5,
        steps=100,
        init_std=1e-2,
        **RELU,
    ),
    _preset(
        "O7n",
        "A ReLU, rank too high",
        "Negative: with r = 2r* LoRA-One is first to 1e-2 and last to 1e-4. Preconditioned it is "
        "fastest.",
        [HALF, "lora", HALF | PRECONDITIONED],
        rank=6,
        rate=0.5,
        steps=240,
        every=3,
        damping=1e-6,
        init_std=1e-2,
        **RELU,
    ),
)
THEORY: dict[str, Preset] = {preset.name: preset for preset in _ROWS}
