"""What a run spends its time on, part by part: operations to the leading order over rates.

Parts are those of the run itself, or shared by the runs of one gradient, or of one rank of it, or
by all of a model. Those that a switch leaves out name its field.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from loraone.catalog import METHODS
from loraone.inputs.models.checkpoint import Checkpoint
from loraone.linalg.sizes import SKETCH_PASSES
from loraone.runs import algebra_costs as algebra
from loraone.runs.device_benchmark import DeviceBenchmark
from loraone.spec.experiment import RunSpec

# Starting to import and to write an adapter that is read back: seconds that are no arithmetic.
# Measured with MiniLM on two cores; the factor of finished runs corrects it elsewhere.
START, EXPORT = 1.5, 1.5
# A search for a parameter (γ = auto) takes the held-out loss so many times.
SEARCHED = 29
# Steps of Lanczos for the Hessian's eigenvalue, each a pass forward and two backward.
_HESSIAN_STEPS = 30

# What prices are compared with.
GRADIENT, GRADIENT_FIELD = "One-step gradient", "gradient.samples"

# A pass forward, and one backward that forms no gradient of a weight.
_PASS, _SKETCHING_PASS = 3.0, 2.0

Whose = Literal["run", "rank", "gradient", "model"]


@dataclass(frozen=True)
class Part:
    """Seconds of one thing; ``field`` is the switch that leaves it out, or makes it less.

    ``again`` is what more it takes for every rank after the first one of a gradient.
    """

    label: str
    seconds: float
    whose: Whose = "run"
    field: str = ""
    again: float = 0.0


def parts(spec: RunSpec, checkpoint: Checkpoint, speed: DeviceBenchmark) -> list[Part]:
    """All of a run on a worker that has loaded the model."""
    shapes = Counter(checkpoint.targets(spec.model))
    row, measure, training = METHODS[spec.method.name], spec.measure, spec.training
    gradient, full = spec.gradient, row.trains == "all"
    weights = checkpoint.multiplied

    def passes(texts: float, share: float) -> float:
        """Seconds: 2 operations for each weight and token forward, 2 for inputs, 2 for weights."""
        return texts * spec.data.max_length * 2.0 * weights * share / speed.multiply

    def of_layers(of_one: Callable[[int, int], float]) -> float:
        return sum(count * of_one(m, n) for (m, n), count in shapes.items())

    def whole(m: int, n: int) -> float:
        return algebra.all_values(m, n, speed)

    def own(m: int, n: int) -> float:
        if row.decomposes == "whole":
            return algebra.all_vectors(m, n, speed)
        return algebra.top(m, n, spec.rank, speed) if row.decomposes == "top" else 0.0

    recomputed = 1.0 if training.checkpointing else 0.0
    step = passes(training.batch_size, (3.0 if full else 2.0) + recomputed)
    if not full:
        trained = of_layers(lambda m, n: spec.rank * (m + n))
        step += training.batch_size * spec.data.max_length * 6.0 * trained / speed.multiply
    sketched = gradient.strategy == "sketch"
    one_pass = passes(gradient.samples, _PASS)
    taken = passes(gradient.samples, SKETCH_PASSES * _SKETCHING_PASS) if sketched else one_pass
    # A sketch, and one batch by layers, hold no sum of either half.
    alone = gradient.strategy == "layerwise" and gradient.samples <= gradient.micro_batch
    algebra_of_halves = of_layers(lambda m, n: 2 * algebra.top_of_half(m, n, spec.rank, speed))
    halves = taken if sketched else algebra_of_halves + (one_pass if alone else 0.0)
    again = 0.0 if sketched or alone else one_pass
    top = sum(
        count * algebra.top(m, n, times * spec.rank, speed)
        for times in {1, row.triplets}
        for (m, n), count in shapes.items()
    )
    fixed = gradient.samples + measure.held_out_samples
    searched = SEARCHED * measure.held_out_samples if row.searches(spec.method.params) else 0
    evaluations = (1 + training.steps / training.eval_every) * spec.data.eval_samples
    tokens = gradient.samples * spec.data.max_length
    # An expert is given some of the tokens.
    few = math.ceil(tokens * checkpoint.active)
    of_experts = Counter(
        checkpoint.experts.values() if spec.model.target_parameters == "experts" else ()
    )
    of_gradients = sum(
        count * algebra.of_gradient(m, n, seen, measure.spectra, speed)
        for counted, seen in ((shapes - of_experts, tokens), (of_experts, few))
        for (m, n), count in counted.items()
    )
    found = [
        Part(GRADIENT, taken, "gradient", GRADIENT_FIELD),
        Part(
            "Head warm-up",
            passes(gradient.head_warmup_steps * training.batch_size, 1.0),
            "gradient",
            "gradient.head_warmup_steps",
        ),
        Part("Its top singular vectors", 0.0 if sketched else top, "rank"),
        Part("Agreement of its halves", halves, "rank", "measure.split_half_agreement", again),
        Part(
            "Spectra of gradients",
            0.0 if sketched else of_gradients,
            "rank",
            "measure.spectra",
        ),
        Part(
            "Spectra of weights",
            of_layers(lambda m, n: algebra.of_weight(m, n, measure.spectra, speed)),
            "model",
            "measure.spectra",
        ),
        Part(
            "Losses around the init",
            passes(2 * fixed, 1.0),
            field="measure.held_out_samples",
        ),
        Part("The method's own decompositions", of_layers(own), field="method"),
        Part("Search for the init's parameters", passes(searched, 1.0), field="method"),
        Part("Training", START + training.steps * step, field="training.steps"),
        Part("Evaluation", passes(evaluations, 1.0), field="training.eval_every"),
        Part("Spectra of changed weights", 2 * of_layers(whole) if full else 0.0),
        Part(
            "Largest Hessian eigenvalue",
            passes(measure.hessian_samples * _HESSIAN_STEPS, 6.0) if measure.hessian else 0.0,
            field="measure.hessian",
        ),
        Part(
            "Intruder dimensions",
            2 * of_layers(whole) if measure.intruders else 0.0,
            field="measure.intruders",
        ),
        Part(
            "Writing and verifying the adapter",
            EXPORT + passes(measure.held_out_samples, 1.0) if measure.save_adapter else 0.0,
            field="measure.save_adapter",
        ),
    ]
    if measure.split_half_agreement and gradient.samples > 1:
        return found
    return [part for part in found if part.field != "measure.split_half_agreement"]
