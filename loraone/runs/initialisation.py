"""A method's factors for a model that carries an adapter."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping

import torch
from torch import Tensor

from loraone import catalog
from loraone.adapters.adapted import Adapted
from loraone.adapters.interfaces import Trainable
from loraone.errors import TrainingError
from loraone.events import Event, Note, Number
from loraone.gradient.starting_point import StartingPoint
from loraone.inputs.models.originals import OriginalWeights
from loraone.measure.evaluator import Evaluator, Untouched
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.runs.workspace import Workspace
from loraone.spec.experiment import RunSpec


def install(
    spec: RunSpec,
    workspace: Workspace,
    trainable: Trainable,
    evaluator: Evaluator,
    untouched: Untouched,
) -> Generator[Event, None, dict[str, Number]]:
    """Install the method's factors; what it chose itself is handed on."""
    if catalog.METHODS[spec.method.name].initialise is None or not isinstance(trainable, Adapted):
        return {}
    initialisation = initialise(
        spec,
        trainable,
        workspace.start,
        workspace.prepared.pretrained,
        OriginalWeights(workspace.prepared.loaded, spec.model),
        evaluator,
        untouched.values["held_out_loss"],
    )
    if initialisation.offset_base or initialisation.bases:
        workspace.prepared.pretrained.may_change()
    trainable.install(initialisation)
    for note in initialisation.notes:
        yield Note(note)
    return dict(initialisation.chosen)


def initialise(
    spec: RunSpec,
    adapted: Adapted,
    start: StartingPoint,
    pretrained: Mapping[str, Tensor],
    originals: Mapping[str, Tensor],
    evaluator: Evaluator,
    held_out_loss_before: float,
) -> Initialisation:
    """What the method that ``spec`` names makes of the gradient and the pretrained weights.

    A method that searches tries factors in ``adapted``; what is left in it then is no matter.

    Raises TrainingError where the factors are not finite.
    """
    row = catalog.METHODS[spec.method.name]
    assert row.initialise is not None

    def held_out_loss(factors: Mapping[str, Factors] | None) -> float:
        if factors is None:
            return held_out_loss_before
        loss = _loss_with(factors, adapted, evaluator)
        if spec.model.dtype != "float16" or not math.isfinite(loss):
            return loss
        # Training needs room: in float16 a step counts only where one of four times is finite too.
        larger = {name: Factors(pair.A, pair.B * 4) for name, pair in factors.items()}
        return loss if math.isfinite(_loss_with(larger, adapted, evaluator)) else math.inf

    problem = InitProblem(
        gradients=start.decompositions[spec.rank * row.triplets],
        rank=spec.rank,
        scaling=adapted.scaling,
        generator=torch.Generator().manual_seed(spec.seed),
        held_out_loss=held_out_loss,
        matrices=start.gradients,
        weights=pretrained,
        learning_rate=spec.learning_rate,
        originals=originals,
    )
    params = row.params.model_validate(spec.method.params)
    initialisation: Initialisation = catalog.resolve(row.initialise)(problem, params)
    _check_finite(row, initialisation)
    return initialisation


def _loss_with(factors: Mapping[str, Factors], adapted: Adapted, evaluator: Evaluator) -> float:
    adapted.install(Initialisation(factors))
    return evaluator.held_out(adapted.model).loss


def _check_finite(row: catalog.Method, initialisation: Initialisation) -> None:
    for name, factors in initialisation.factors.items():
        if not (factors.A.isfinite().all() and factors.B.isfinite().all()):
            raise TrainingError(
                f"{row.label} gave layer {name} factors that are not finite",
                field="methods",
                value=row.name,
                hint="change the method's parameters, or its code if it is one of your own",
            )
