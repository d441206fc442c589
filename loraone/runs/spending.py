"""What a run spends its time on, part by part: operations to the leading order over rates.

Parts are ``shared`` by the runs of one gradient, or ``once`` for all runs of one model, or of the
run itself. Those that a switch leaves out name its field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from loraone.catalog import METHODS
from loraone.inputs.models.checkpoint import Checkpoint
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

Whose = Literal["run", "gradient", "model"]


@dataclass(frozen=True)
class Part:
    """Seconds of one thing; ``field`` is the switch that leaves it out, or makes it less."""

    label: str
    seconds: float
    whose: Whose = "run"
    field: str = ""


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

    again = 1.0 if training.checkpointing else 0.0
    step = passes(training.batch_size, (3.0 if full else 2.0) + again)
    if not full:
        trained = of_layers(lambda m, n: spec.rank * (m + n))
        step += training.batch_size * spec.data.max_length * 6.0 * trained / speed.multiply
    # A sketch, and one batch by layers, hold no sum of either half.
    apart = gradient.strategy in ("layerwise", "sketch")
    halves = passes(gradient.samples, 3.0) if apart else 0.0
    halves += of_layers(lambda m, n: 2 * algebra.top_of_half(m, n, spec.rank, speed))
    fixed = gradient.samples + measure.held_out_samples
    searched = SEARCHED * measure.held_out_samples if row.searches(spec.method.params) else 0
    evaluations = (1 + training.steps / training.eval_every) * spec.data.eval_samples
    tokens = gradient.samples * spec.data.max_length
    found = [
        Part(GRADIENT, passes(gradient.samples, 3.0), "gradient", GRADIENT_FIELD),
        Part(
            "Head warm-up",
            passes(gradient.head_warmup_steps * training.batch_size, 1.0),
            "gradient",
            "gradient.head_warmup_steps",
        ),
        Part(
            "Its top singular vectors",
            of_layers(lambda m, n: algebra.top(m, n, spec.rank, speed)),
            "gradient",
        ),
        Part("Agreement of its halves", halves, "gradient", "measure.split_half_agreement"),
        Part(
            "Spectra of gradients",
            of_layers(lambda m, n: algebra.of_gradient(m, n, tokens, measure.spectra, speed)),
            "gradient",
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
