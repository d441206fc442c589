"""What an initialisation did to the model and its layers, before any training."""

from __future__ import annotations

import math
from collections.abc import Generator

from torch import Tensor

from loraone.adapters.interfaces import Trainable
from loraone.events import Event, InitReport, Note, Number, Progress
from loraone.measure.evaluator import Evaluator, Untouched
from loraone.runs.layer_measurement import LayerMeasurement
from loraone.spec.experiment import RunSpec


def report_step_0(
    spec: RunSpec,
    measurement: LayerMeasurement,
    trainable: Trainable,
    evaluator: Evaluator,
    untouched: Untouched,
    chosen: dict[str, Number],
    *,
    base_moved: bool,
) -> Generator[Event, None, InitReport]:
    """Losses and logits before and after, the layers' metrics, and how the factors lie.

    ``chosen`` is what the method chose itself; ``base_moved`` says whether the layers' own weights
    may be others than were loaded.
    """
    scalars: dict[str, Number] = {}
    scalars |= {f"{name}_before": value for name, value in untouched.values.items()}
    scalars |= _after(spec, measurement, trainable, evaluator, untouched, base_moved)
    columns = measurement.init_columns(trainable)
    if spec.measure.hessian:
        yield Progress("hessian", 0, 1)
        if spec.adapter.dora and spec.trains_adapter:
            yield Note("no Hessian eigenvalue: DoRA's gradient leaves a term out and has none")
        elif spec.model.attn_implementation == "flash_attention_2":
            yield Note("no Hessian eigenvalue: flash_attention_2 has no second derivative")
        else:
            curvature = measurement.curvature(trainable)
            if all(map(math.isfinite, curvature.values())):
                scalars |= curvature
            else:
                yield Note(f"no Hessian eigenvalue: it is not finite in {spec.model.dtype}")
    report = InitReport(columns, scalars, chosen)
    yield report
    yield measurement.overlaps(0, trainable)
    return report


def _after(
    spec: RunSpec,
    measurement: LayerMeasurement,
    trainable: Trainable,
    evaluator: Evaluator,
    untouched: Untouched,
    base_moved: bool,
) -> dict[str, Number]:
    """Losses and logits of the model as it begins to train, in as few passes as they need."""
    model, before = trainable.model, untouched.values["gradient_batch_loss"]
    held_out = evaluator.held_out(model)
    change = _largest(held_out.logits - untouched.logits)
    # Where nothing was added and nothing is seen, it is the model that was measured.
    same = change == 0 and measurement.adds_nothing(trainable)
    off = untouched.logits
    if spec.trains_adapter and base_moved:
        with trainable.switched_off():
            off = evaluator.logits(model)
    return {
        "gradient_batch_loss_after": before if same else evaluator.gradient_batch_loss(model),
        "held_out_loss_after": held_out.loss,
        "logit_change": change,
        "logit_change_off": _largest(off - untouched.logits),
    }


def _largest(change: Tensor) -> float:
    return float(change.abs().max())
