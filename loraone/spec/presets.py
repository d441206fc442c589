"""Experiments to start from: each answers a question that people ask first."""

from __future__ import annotations

from dataclasses import dataclass

from loraone.spec.adapter import AdapterSpec
from loraone.spec.data import DataSpec
from loraone.spec.experiment import ExperimentSpec, GridSpec
from loraone.spec.gradient import GradientSpec
from loraone.spec.measure import MeasureSpec
from loraone.spec.method import MethodSpec
from loraone.spec.training import TrainingSpec


@dataclass(frozen=True)
class Preset:
    """A named experiment with a line that says what it is for."""

    name: str
    label: str
    summary: str
    spec: ExperimentSpec


_FULL_RATES = (5e-5, 2e-4)

DEMO = ExperimentSpec(
    name="Demo: five initialisations of MiniLM",
    description=(
        "MiniLM learns to tell from a docstring which package of Python's standard library it "
        "belongs to. Two learning rates, one seed: enough to look around, not to name a winner."
    ),
    data=DataSpec(max_length=48, train_samples=1024, eval_samples=192),
    gradient=GradientSpec(samples=64, head_warmup_steps=20, head_learning_rate=5e-3),
    adapter=AdapterSpec(alpha=16, rslora=True),
    training=TrainingSpec(steps=40, batch_size=16, warmup_steps=4, eval_every=20),
    measure=MeasureSpec(alignment_every=5, held_out_samples=64, intruders=True),
    methods=(
        MethodSpec(name="lora"),
        MethodSpec(name="lora_one", params={"scale": "spectral", "gamma": 128}),
        MethodSpec(name="lora_one", params={"scale": "gradient", "gamma": "auto"}),
        MethodSpec(name="pissa"),
        MethodSpec(name="full", learning_rates=_FULL_RATES),
    ),
    grid=GridSpec(ranks=(8,), learning_rates=(5e-4, 2e-3), seeds=(0,)),
)

FAIR = DEMO.model_copy(
    update={
        "name": "Fair comparison",
        "description": "Four learning rates and three seeds, so that a difference can be believed.",
        "methods": (
            MethodSpec(name="lora"),
            MethodSpec(name="lora_one", params={"scale": "gradient", "gamma": "auto"}),
            MethodSpec(name="pissa"),
            MethodSpec(name="full", learning_rates=(2e-5, 5e-5, 1e-4, 2e-4)),
        ),
        "grid": GridSpec(ranks=(8,), learning_rates=(2e-4, 5e-4, 1e-3, 2e-3), seeds=(0, 1, 2)),
    }
)

PAPER = DEMO.model_copy(
    update={
        "name": "The paper's own setting",
        "description": "γ = 128, r = 8, α = 16, rsLoRA, 8 samples: as published with LoRA-One.",
        "gradient": GradientSpec(samples=8, micro_batch=8),
        "methods": (
            MethodSpec(name="lora"),
            MethodSpec(name="lora_one", params={"scale": "spectral", "gamma": 128}),
        ),
        "grid": GridSpec(ranks=(8,), learning_rates=(2e-4, 5e-4), seeds=(0,)),
    }
)

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("demo", "Demo", "Five initialisations, two learning rates, a few minutes", DEMO),
        Preset("fair", "Fair comparison", "Learning-rate grid × 3 seeds", FAIR),
        Preset("paper", "The paper's setting", "γ = 128, r = 8, 8 samples", PAPER),
    )
}
