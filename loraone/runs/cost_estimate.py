"""How long runs will take and what they will hold, before any of them has begun.

Operations are counted to the leading order and divided by the rates of a :class:`DeviceBenchmark`;
factors are what finished runs took over what was said of them. Memory is that of weights,
gradients, optimiser states and activations. Both are estimates, and say so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loraone.catalog import METHODS
from loraone.inputs.models.checkpoint import Checkpoint
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.runs.spending import GRADIENT, GRADIENT_FIELD, parts
from loraone.spec.diff import fields
from loraone.spec.experiment import RunSpec
from loraone.spec.model import ModelSpec
from loraone.spec.training import texts_of_part

FLOAT32 = 4
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Seconds of loading what a worker imports, and a model.
_LOAD = 8.0
# Activations of a block for its backward pass in units of tokens × width × bytes: Korthikanti et
# al., arXiv 2205.05198, section 4.1: 34 bytes in 16 bit, so 17 numbers, without the attention map.
_ACTIVATIONS = 17
# What is freed is kept for the next step, and an adapter is read back into a second model:
# measured on MiniLM.
_KEPT = 1.4


# What is less than this share of the gradient is no price that anybody need weigh.
_WORTH_SAYING = 0.1


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes of one run; ``shared`` seconds are spent once for runs of one gradient,
    ``once`` for all of a model."""

    seconds: float
    shared: float
    once: float
    memory: float


@dataclass(frozen=True)
class Price:
    """What all runs together spend on one thing: seconds, and as a multiple of their gradients'.

    ``field`` is the switch that leaves it out or makes it less, and ``switch`` its title; empty
    where there is none.
    """

    label: str
    field: str
    switch: str
    seconds: float
    gradients: float


@dataclass(frozen=True)
class CostEstimate:
    """Seconds of all runs one after the other, and what they are spent on from the largest; bytes
    of the largest run; what does not fit."""

    seconds: float
    memory: float
    too_large: tuple[str, ...]
    prices: tuple[Price, ...] = ()


def of_runs(
    specs: Sequence[RunSpec],
    checkpoint: Checkpoint,
    speed: DeviceBenchmark,
    time_factor: float = 1.0,
    memory_factor: float = 1.0,
) -> CostEstimate:
    """The sum over runs that share a warm worker: each gradient is taken once."""
    # Not all runs of a gradient may ask how far its halves agree.
    spent: dict[tuple[str, str, str], float] = {}
    ranks: dict[str, int] = {}
    large = []
    most = 0.0
    for place, spec in enumerate(specs):
        gradient = spec.gradient_key()
        of_rank = f"{gradient}/{spec.rank}"
        owners = {"run": str(place), "rank": of_rank, "gradient": gradient, "model": ""}
        first = ranks.setdefault(gradient, spec.rank) == spec.rank
        for part in parts(spec, checkpoint, speed):
            key = part.label, part.field, owners[part.whose]
            seconds = part.seconds + (0.0 if first else part.again)
            spent[key] = max(spent.get(key, 0.0), seconds)
        memory = _memory(spec, checkpoint, speed.base)
        if memory * memory_factor > speed.memory:
            large.append(spec.label)
        most = max(most, memory)
    return CostEstimate(
        (_LOAD + sum(spent.values())) * time_factor,
        memory_factor * most,
        tuple(dict.fromkeys(large)),
        _prices(spent, time_factor),
    )


def _prices(spent: Mapping[tuple[str, str, str], float], factor: float) -> tuple[Price, ...]:
    sums: dict[tuple[str, str], float] = {}
    for (label, field, _), seconds in spent.items():
        sums[label, field] = sums.get((label, field), 0.0) + seconds * factor
    gradients = sums.get((GRADIENT, GRADIENT_FIELD), 0.0)
    titles = {field.path: field.title for field in fields()}
    found = [
        Price(label, field, titles.get(field, ""), seconds, seconds / gradients)
        for (label, field), seconds in sums.items()
        if gradients and seconds > _WORTH_SAYING * gradients
    ]
    return tuple(sorted(found, key=lambda price: -price.seconds))


def of_run(spec: RunSpec, checkpoint: Checkpoint, speed: DeviceBenchmark) -> Cost:
    """One run on a worker that is warm."""
    found = parts(spec, checkpoint, speed)
    sums = {
        whose: sum(part.seconds for part in found if part.whose == whose)
        for whose in ("run", "rank", "gradient", "model")
    }
    memory = _memory(spec, checkpoint, speed.base)
    return Cost(sums["run"], sums["gradient"] + sums["rank"], sums["model"], memory)


def _trained(spec: RunSpec, shapes: Sequence[tuple[int, int]]) -> int:
    if METHODS[spec.method.name].trains == "all":
        return sum(m * n for m, n in shapes)
    return sum(spec.rank * (m + n) for m, n in shapes)


def _memory(spec: RunSpec, checkpoint: Checkpoint, base: int) -> float:
    """Weights, all gradients and those of a half of their batch, states, activations."""
    width = _BYTES[spec.model.dtype]
    shapes = checkpoint.targets(spec.model)
    trained = _trained(spec, shapes)
    targets = sum(m * n for m, n in shapes)
    weights = _weights(spec.model, checkpoint)
    sums = 2 if spec.measure.split_half_agreement else 1
    gradients = 0 if spec.gradient.strategy in ("layerwise", "sketch") else sums * FLOAT32 * targets
    states = 3 * FLOAT32 * trained
    if METHODS[spec.method.name].trains == "all" and width < FLOAT32:
        states += FLOAT32 * trained  # the copies that are stepped
    training, gradient = spec.training, spec.gradient
    texts = texts_of_part(training.batch_size, training.gradient_accumulation)
    activations = max(
        _activations(texts, checkpoint.blocks, recomputed=training.checkpointing),
        _activations(gradient.micro_batch, checkpoint.blocks, recomputed=gradient.checkpointing),
    )
    activations *= width * spec.data.max_length * checkpoint.width
    merged = _merged(spec, checkpoint) * width
    return base + _KEPT * (weights + gradients + states + activations + merged)


def _merged(spec: RunSpec, checkpoint: Checkpoint) -> float:
    """Numbers of the W + s·B·A of experts, which PEFT forms and a backward pass keeps."""
    if spec.model.target_parameters != "experts" or not spec.trains_adapter:
        return 0.0
    kept = max(1, checkpoint.blocks) if spec.training.checkpointing else 1
    return checkpoint.expert_weights / kept


def _weights(model: ModelSpec, checkpoint: Checkpoint) -> float:
    """Bytes of all weights as they are held: those of the blocks in fewer bits where quantised."""
    packed: Mapping[str, float] = checkpoint.packed or {
        name: bytes_of(model, m, n) for name, (m, n) in checkpoint.layers.items()
    }
    few = sum(math.prod(checkpoint.layers.get(name, ())) for name in packed)
    return sum(packed.values()) + _BYTES[model.dtype] * (checkpoint.parameters - few)


def bytes_of(model: ModelSpec, m: int, n: int) -> float:
    """Of a layer (m, n) of the blocks, with its scales: one in float32 for each row of int8; for
    each 64 numbers of nf4, or one in 8 bits and one in float32 for each 256 of these."""
    if model.quantization == "int8":
        return m * n + FLOAT32 * m
    if model.quantization == "nf4":
        blocks = m * n / 64
        scales = blocks * (1 + FLOAT32 / 256) if model.double_quantization else FLOAT32 * blocks
        return m * n / 2 + scales
    return _BYTES[model.dtype] * m * n


def _activations(texts: int, blocks: int, *, recomputed: bool) -> float:
    """What is kept for a backward pass, in units of length × width: of all blocks, or of one and
    the others' inputs."""
    return texts * float(_ACTIVATIONS + blocks if recomputed else _ACTIVATIONS * blocks)
