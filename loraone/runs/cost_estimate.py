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
from loraone.runs.device_benchmark import DeviceBenchmark, svd_operations
from loraone.spec.experiment import RunSpec
from loraone.spec.model import ModelSpec
from loraone.spec.training import texts_of_part

FLOAT32 = 4
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
# Starting to import, to load and to write an adapter that is read back: seconds that are no
# arithmetic. Measured with MiniLM on two cores; the factor of finished runs corrects it elsewhere.
_LOAD, _START, _EXPORT = 8.0, 1.5, 1.5
# A search for a parameter (γ = auto) takes the held-out loss so many times.
_SEARCHED = 29
# Activations of a block for its backward pass in units of tokens × width × bytes: Korthikanti et
# al., arXiv 2205.05198, section 4.1: 34 bytes in 16 bit, so 17 numbers, without the attention map.
_ACTIVATIONS = 17
# What is freed is kept for the next step, and an adapter is read back into a second model:
# measured on MiniLM.
_KEPT = 1.4


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes of one run; ``shared`` seconds are spent once for runs of one gradient."""

    seconds: float
    shared: float
    memory: float


@dataclass(frozen=True)
class CostEstimate:
    """Seconds of all runs one after the other; bytes of the largest; what does not fit."""

    seconds: float
    memory: float
    too_large: tuple[str, ...]


def of_runs(
    specs: Sequence[RunSpec],
    checkpoint: Checkpoint,
    speed: DeviceBenchmark,
    time_factor: float = 1.0,
    memory_factor: float = 1.0,
) -> CostEstimate:
    """The sum over runs that share a warm worker: each gradient is taken once."""
    costs = [of_run(spec, checkpoint, speed) for spec in specs]
    shared: dict[str, float] = {}
    for spec, cost in zip(specs, costs, strict=True):
        key = spec.gradient_key()  # not all of its runs may ask how far its halves agree
        shared[key] = max(shared.get(key, 0.0), cost.shared)
    seconds = _LOAD + sum(shared.values()) + sum(cost.seconds for cost in costs)
    large = [
        spec.label
        for spec, cost in zip(specs, costs, strict=True)
        if cost.memory * memory_factor > speed.memory
    ]
    return CostEstimate(
        seconds * time_factor,
        memory_factor * max((cost.memory for cost in costs), default=0.0),
        tuple(dict.fromkeys(large)),
    )


def of_run(spec: RunSpec, checkpoint: Checkpoint, speed: DeviceBenchmark) -> Cost:
    """One run on a worker that is warm."""
    shapes = checkpoint.targets(spec.model)
    multiply = sum(m * n for m, n in checkpoint.layers.values())
    trained = _trained(spec, shapes)
    length = spec.data.max_length

    def passes(texts: float, share: float) -> float:
        """Operations: 2 for each weight and token forward, 2 for inputs, 2 for weights."""
        return texts * length * 2.0 * multiply * share

    row = METHODS[spec.method.name]
    full = row.trains == "all"
    training, measure = spec.training, spec.measure
    again = 1.0 if training.checkpointing else 0.0
    step = passes(training.batch_size, (3.0 if full else 2.0) + again)
    step += 0.0 if full else training.batch_size * length * 6.0 * trained
    evaluations = 1 + training.steps / training.eval_every
    fixed = spec.gradient.samples + measure.held_out_samples
    searched = _SEARCHED * measure.held_out_samples if row.searches(spec.method.params) else 0
    own = training.steps * step + passes(
        evaluations * spec.data.eval_samples + 2 * fixed + searched, 1
    )
    decomposed = sum(svd_operations(m, n) for m, n in shapes)
    own_svd = decomposed * ((4.0 if full else 0.0) + (3.0 if measure.intruders else 0.0))
    apart = spec.gradient.strategy in ("layerwise", "sketch")  # no sum is held of either half
    halves = 2 if measure.split_half_agreement and apart else 1
    shared = passes(halves * spec.gradient.samples, 3.0)
    shared += passes(spec.gradient.head_warmup_steps * training.batch_size, 1.0)
    shared_seconds = shared / speed.multiply + 2 * decomposed / speed.decompose
    seconds = _START + own / speed.multiply + own_svd / speed.decompose
    seconds += _EXPORT if measure.save_adapter else 0.0
    return Cost(seconds, shared_seconds, _memory(spec, checkpoint, shapes, trained, speed.base))


def _trained(spec: RunSpec, shapes: Sequence[tuple[int, int]]) -> int:
    if METHODS[spec.method.name].trains == "all":
        return sum(m * n for m, n in shapes)
    return sum(spec.rank * (m + n) for m, n in shapes)


def _memory(
    spec: RunSpec,
    checkpoint: Checkpoint,
    shapes: Sequence[tuple[int, int]],
    trained: int,
    base: int,
) -> float:
    """Weights, all gradients and those of a half of their batch, states, activations."""
    width = _BYTES[spec.model.dtype]
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
    return base + _KEPT * (weights + gradients + states + activations)


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
