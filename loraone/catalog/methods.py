"""The methods, one row each, and the parameters that they leave open."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from loraone.catalog.rows import Method, Paper


class LoraOneParams(BaseModel):
    """What LoRA-One leaves open: which of its published forms, and how large a step."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: Literal["spectral", "gradient", "squared"] = Field(
        "spectral",
        title="Scale",
        description=(
            "spectral: singular values divided by the largest (official code); gradient: one best "
            "rank-r gradient step (paper, Algorithm 1); squared: the formula printed in PEFT #2882"
        ),
    )
    gamma: Annotated[float, Field(gt=0, le=1e9)] | Literal["auto"] = Field(
        128.0,
        title="γ",
        description=(
            "Divides the initial update s·B·A; larger is smaller. auto searches for the γ with "
            "the lowest loss on held-out training data"
        ),
    )


class LoraGaParams(BaseModel):
    """LoRA-GA's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gamma: Annotated[float, Field(gt=0, le=1e9)] = Field(
        16.0, title="γ", description="Divides s·B·A; larger is smaller. 16 in the paper"
    )


_ROWS_METHOD = (
    Method(
        "lora",
        "LoRA",
        "A random (Kaiming uniform), B zero: training starts at the pretrained model",
        Paper(
            "LoRA: Low-Rank Adaptation of Large Language Models", "https://arxiv.org/abs/2106.09685"
        ),
        "#0072B2",
    ),
    Method(
        "lora_one",
        "LoRA-One",
        "A and B from the top singular subspace of the first full fine-tuning gradient",
        Paper(
            "LoRA-One: One-Step Full Gradient Could Suffice for Fine-Tuning Large Language Models",
            "https://arxiv.org/abs/2502.01235",
        ),
        "#D55E00",
        params=LoraOneParams,
        initialise="loraone.methods.lora_one:initialise",
    ),
    Method(
        "pissa",
        "PiSSA",
        "A and B from the top singular subspace of the weight, which keeps the residual",
        Paper(
            "PiSSA: Principal Singular Values and Singular Vectors Adaptation",
            "https://arxiv.org/abs/2404.02948",
        ),
        "#009E73",
        peft_init="pissa",
        changes_base=True,
    ),
    Method(
        "lora_ga_paper",
        "LoRA-GA",
        "A and B from different singular vectors of the gradient; the base weight makes up for it",
        Paper(
            "LoRA-GA: Low-Rank Adaptation with Gradient Approximation",
            "https://arxiv.org/abs/2407.05000",
        ),
        "#CC79A7",
        params=LoraGaParams,
        initialise="loraone.methods.lora_ga:paper",
        changes_base=True,
        triplets=2,
    ),
    Method(
        "lora_ga",
        "LoRA-GA (PEFT's form)",
        "As PEFT has it: B is also multiplied by S, so it depends on the scale of the loss",
        Paper(
            "LoRA-GA: Low-Rank Adaptation with Gradient Approximation",
            "https://arxiv.org/abs/2407.05000",
        ),
        "#882255",
        params=LoraGaParams,
        initialise="loraone.methods.lora_ga:peft",
        changes_base=True,
        triplets=2,
    ),
    Method(
        "random_matched",
        "Random, matched to LoRA-One",
        "A control: random directions with LoRA-One's singular values. Tells direction from size",
        None,
        "#AA8F00",
        params=LoraOneParams,
        initialise="loraone.methods.random_matched:initialise",
    ),
    Method(
        "gaussian",
        "LoRA, Gaussian A",
        "A normal with standard deviation 1/r, B zero",
        Paper(
            "LoRA: Low-Rank Adaptation of Large Language Models", "https://arxiv.org/abs/2106.09685"
        ),
        "#56B4E9",
        peft_init="gaussian",
    ),
    Method(
        "olora",
        "OLoRA",
        "A and B from the QR decomposition of the weight, which keeps the residual",
        Paper(
            "OLoRA: Orthonormal Low-Rank Adaptation of Large Language Models",
            "https://arxiv.org/abs/2406.01775",
        ),
        "#44AA99",
        peft_init="olora",
        changes_base=True,
        conv1d=False,
    ),
    Method(
        "orthogonal",
        "Orthogonal",
        "A and B random, with B·A = 0 because they use orthogonal halves; r must be even",
        None,
        "#E69F00",
        peft_init="orthogonal",
        even_rank=True,
    ),
    Method(
        "mica",
        "MiCA",
        "B from the weight's smallest singular directions and frozen, A zero",
        Paper("MiCA: Minor Component Adaptation", "https://arxiv.org/abs/2604.01694"),
        "#8C564B",
        peft_init="mica",
        trains="A",
    ),
    Method(
        "full",
        "Full fine-tuning",
        "No adapter: the target layers themselves are trained. The reference line",
        None,
        "#555555",
        trains="all",
    ),
)
METHODS: dict[str, Method] = {row.name: row for row in _ROWS_METHOD}
