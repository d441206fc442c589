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


class LoraSbParams(BaseModel):
    """LoRA-SB's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    eta: Annotated[float, Field(gt=0, le=10)] | Literal["learning rate"] = Field(
        "learning rate",
        title="η",
        description="Length of the first step that is approximated: the run's own, or a number",
    )


class LoftqParams(BaseModel):
    """LoftQ's one parameter; 4 bits are NF4 with blocks of 64."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: Annotated[int, Field(ge=1, le=20)] = Field(
        5,
        title="Iterations",
        description="Rounds of quantising what the factors leave, and factoring what it lost; "
        "5 in the paper, 1 in PEFT",
    )


class EvaParams(BaseModel):
    """EVA's parameters, with PEFT's names and defaults."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rho: Annotated[float, Field(ge=1, le=64)] = Field(
        2.0,
        title="ρ",
        description="A layer may get up to ρ·r directions at the cost of others; 1: all get r",
    )
    tau: Annotated[float, Field(gt=0, le=1)] = Field(
        0.99, title="τ", description="Cosine from one batch to the next at which EVA stops"
    )


class CordaParams(BaseModel):
    """CorDA's one parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["ipm", "kpm"] = Field(
        "ipm",
        title="Mode",
        description="ipm: the directions that the data uses most are trained; kpm: those it uses "
        "least, which keeps what the model knows",
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
        embedding=True,
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
        embedding=True,
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
        embedding=True,
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
        embedding=True,
    ),
    Method(
        "random_matched",
        "Random, matched to LoRA-One",
        "A control: random directions with LoRA-One's singular values. Tells direction from size",
        None,
        "#AA8F00",
        params=LoraOneParams,
        initialise="loraone.methods.random_matched:initialise",
        embedding=True,
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
        "eva",
        "EVA",
        "A from the main directions of each layer's inputs, B zero; ranks go where variance is",
        Paper(
            "Parameter Efficient Fine-tuning via Explained Variance Adaptation",
            "https://arxiv.org/abs/2410.07170",
        ),
        "#117733",
        params=EvaParams,
        peft_init="eva",
        prepare="loraone.adapters.data_passes:eva",
    ),
    Method(
        "corda",
        "CorDA",
        "A and B from the weight seen through its inputs' covariance; the base keeps the residual",
        Paper(
            "CorDA: Context-Oriented Decomposition Adaptation of Large Language Models",
            "https://arxiv.org/abs/2406.05223",
        ),
        "#332288",
        params=CordaParams,
        peft_init="corda",
        prepare="loraone.adapters.data_passes:corda",
        changes_base=True,
    ),
    Method(
        "loftq",
        "LoftQ",
        "The base is rounded to 4 bits (NF4); A and B make up for what that loses",
        Paper(
            "LoftQ: LoRA-Fine-Tuning-Aware Quantization for Large Language Models",
            "https://arxiv.org/abs/2310.08659",
        ),
        "#999933",
        params=LoftqParams,
        initialise="loraone.methods.loftq:initialise",
        changes_base=True,
        quantises=True,
    ),
    Method(
        "lora_sb",
        "LoRA-SB",
        "A and B from AdamW's first full step and frozen; only an r × r matrix between them learns",
        Paper(
            "Initialization using Update Approximation is a Silver Bullet for Extremely Efficient "
            "Low-Rank Fine-Tuning",
            "https://arxiv.org/abs/2411.19557",
        ),
        "#CC6677",
        params=LoraSbParams,
        initialise="loraone.methods.lora_sb:initialise",
        trains="core",
        whole_gradient=True,
    ),
    Method(
        "full",
        "Full fine-tuning",
        "No adapter: the target layers themselves are trained. The reference line",
        None,
        "#555555",
        trains="all",
        embedding=True,
    ),
)
METHODS: dict[str, Method] = {row.name: row for row in _ROWS_METHOD}
