"""What a method may be applied to: the one place of these rules, driven by the method's row.

A spec is checked before anything is loaded (:func:`check_spec`), the layers of a model once they
are known (:func:`check_layers`), how G is taken once memory is known (:func:`check_strategy`), and
the calibration texts by the methods that read them (:func:`check_inputs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, OPTIMIZERS, TASKS, Method
from loraone.errors import SpecError
from loraone.spec import experts, full_precision
from loraone.spec.adapter import AdapterSpec
from loraone.spec.gradient import GradientSpec
from loraone.spec.method import MethodSpec
from loraone.spec.model import ModelSpec
from loraone.spec.synthetic import ProblemSpec, SweepSpec
from loraone.spec.training import TrainingSpec


class Shared(Protocol):
    """What a method is combined with: the sections of a run, or those that all runs share."""

    @property
    def task(self) -> str: ...
    @property
    def model(self) -> ModelSpec: ...
    @property
    def gradient(self) -> GradientSpec: ...
    @property
    def adapter(self) -> AdapterSpec: ...
    @property
    def training(self) -> TrainingSpec: ...
    @property
    def problem(self) -> ProblemSpec: ...


class Layer(Protocol):
    """A layer that would be adapted, as far as these rules look at it."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def embedding(self) -> bool: ...
    @property
    def conv1d(self) -> bool: ...
    @property
    def tied_to(self) -> str | None: ...
    @property
    def quantised(self) -> bool: ...


@dataclass(frozen=True)
class Paths:
    """Where a form has the method, and each of the ranks that it is combined with."""

    method: str
    ranks: tuple[str, ...]


def check_spec(shared: Shared, method: MethodSpec, ranks: Sequence[int], at: Paths) -> None:
    """Raise PydanticCustomError, naming the field, for the first combination that cannot be."""
    row = METHODS[method.name]
    own = method.optimizer is not None
    field = f"{at.method}.optimizer" if own else "training.optimizer"
    optimizer = method.optimizer or shared.training.optimizer
    _optimizer(row, optimizer, field)
    _gradient(row, shared.gradient)
    _dora(row, shared.adapter, optimizer, field)
    experts.check(row, shared.model, shared.adapter, optimizer, f"{at.method}.name", field)
    if TASKS[shared.task].synthetic:
        _synthetic(row, shared, optimizer, f"{at.method}.name", field)
        for rank, path in zip(ranks, at.ranks, strict=True):
            _synthetic_rank(row, shared.problem, rank, path)
    else:
        dora, name_at = shared.adapter.dora, f"{at.method}.name"
        full_precision.check_spec(row, method.params, shared.model, name_at, dora=dora)
    odd = [rank for rank in ranks if rank % 2]
    if row.even_rank and odd:
        raise _error(
            "odd_rank",
            "{label} needs an even rank, not {given}",
            f"{at.method}.name",
            odd[0],
            label=row.label,
        )


def check_sweep(task: str, problem: ProblemSpec, sweep: SweepSpec | None) -> None:
    """Raise PydanticCustomError for a sweep in a task that has no problem to vary, or over values
    that the problem cannot have."""
    if sweep is None:
        return
    if not TASKS[task].synthetic:
        raise _error(
            "sweep_needs_a_problem",
            "only the teacher–student task has a problem to sweep; allowed: none",
            "sweep",
            sweep.parameter,
        )
    sweep.check(problem)


def _error(kind: str, message: Any, at: str, given: object, **words: object) -> PydanticCustomError:
    return PydanticCustomError(kind, message, {**words, "given": given, "at": at})


def _optimizer(row: Method, chosen: str, at: str) -> None:
    if row.trains != "adapter" and OPTIMIZERS[chosen].needs_factors:
        raise _error(
            "optimizer_needs_factors",
            "{optimizer} works on two trained factors, {label} has none or one; allowed: {known}",
            at,
            chosen,
            optimizer=chosen,
            label=row.label,
            known=", ".join(each.name for each in OPTIMIZERS.values() if not each.needs_factors),
        )


def _gradient(row: Method, gradient: GradientSpec) -> None:
    if row.whole_gradient and gradient.strategy in ("layerwise", "sketch"):
        raise _error(
            "whole_gradient",
            "{label} reads the sign of every entry of G; allowed: auto, accumulate",
            "gradient.strategy",
            gradient.strategy,
            label=row.label,
        )


def _dora(row: Method, adapter: AdapterSpec, optimizer: str, at: str) -> None:
    """DoRA needs both factors trained, and LoRA-FA pairs up parameters that it would disturb."""
    if not adapter.dora:
        return
    if row.trains in ("A", "core"):
        raise _error(
            "dora_needs_factors",
            "{label} trains {what} alone, so there is nothing for DoRA to take apart; allowed: off",
            "adapter.dora",
            True,
            label=row.label,
            what="lora_A" if row.trains == "A" else "an r × r core",
        )
    if not OPTIMIZERS[optimizer].dora:
        raise _error(
            "dora_with_optimizer",
            "PEFT's {label} takes DoRA's magnitudes for factors; allowed: {known}",
            at,
            optimizer,
            label=OPTIMIZERS[optimizer].label,
            known=", ".join(each.name for each in OPTIMIZERS.values() if each.dora),
        )


def _synthetic(row: Method, shared: Shared, optimizer: str, name_at: str, at: str) -> None:
    if not row.synthetic:
        known = ", ".join(other.name for other in METHODS.values() if other.synthetic)
        raise _error(
            "not_synthetic",
            "{label} is computed by PEFT on a real model; allowed with a teacher–student problem: "
            "{known}",
            name_at,
            row.name,
            label=row.label,
            known=known,
        )
    if not OPTIMIZERS[optimizer].synthetic:
        raise _error(
            "optimizer_not_synthetic",
            "{label} is PEFT's, for real models; allowed: {known}",
            at,
            optimizer,
            label=OPTIMIZERS[optimizer].label,
            known=", ".join(each.name for each in OPTIMIZERS.values() if each.synthetic),
        )
    if shared.adapter.dora:
        raise _error("dora_synthetic", "the theory has no DoRA; allowed: off", "adapter.dora", True)


def _synthetic_rank(row: Method, problem: ProblemSpec, rank: int, at: str) -> None:
    most = problem.narrowest // row.triplets
    if row.trains != "all" and rank > most:
        raise _error(
            "rank_synthetic",
            "{label} takes {count}r singular directions of a layer whose narrow side is "
            "{narrow}; allowed: 1 to {most}",
            at,
            rank,
            label=row.label,
            count="" if row.triplets == 1 else row.triplets,
            narrow=problem.narrowest,
            most=most,
        )


def check_layers(
    layers: Sequence[Layer], row: Method, rank: int, params: Mapping[str, Any] | None = None
) -> None:
    """Raise SpecError, naming the layer, where the method cannot be applied to it.

    ``rank`` may not be above min(m, n), nor twice the rank where the method takes 2r triplets.
    """
    narrowest = min(layers, key=lambda layer: min(layer.shape))
    most = min(narrowest.shape) // row.triplets
    if rank > most:
        least = "min(m, n)" if row.triplets == 1 else f"min(m, n)/{row.triplets}"
        raise SpecError(
            f"rank {rank} is above {least} = {most} of layer {narrowest.name} "
            f"({narrowest.shape[0]} × {narrowest.shape[1]}); allowed: 1 to {most}",
            field="rank",
            value=rank,
            allowed=f"1 to {most}",
        )
    for layer in layers:
        _embedding(layer, row)
        _conv1d(layer, row)
        if layer.quantised:
            full_precision.check_layer(layer.name, row, params)
    if row.flag("changes_base", params) or row.trains == "all":
        for layer in layers:
            _tied(layer, row)


def _embedding(layer: Layer, row: Method) -> None:
    if not layer.embedding or row.embedding:
        return
    known = ", ".join(other.label for other in METHODS.values() if other.embedding)
    raise SpecError(
        f"{row.label} cannot be applied to layer {layer.name}, an embedding: PEFT would "
        f"use another init there without a word; allowed: {known}, or linear layers alone",
        field="methods",
        value=row.name,
        allowed=known,
    )


def _conv1d(layer: Layer, row: Method) -> None:
    if layer.conv1d and not row.conv1d:
        raise SpecError(
            f"{row.label} cannot be applied to layer {layer.name}, a Conv1D: PEFT decomposes the "
            "transposed weight there",
            field="methods",
            value=row.name,
            allowed="models with nn.Linear layers",
        )


def _tied(layer: Layer, row: Method) -> None:
    if layer.tied_to:
        raise SpecError(
            f"{row.label} changes the weight of layer {layer.name}, which is that of "
            f"{layer.tied_to} too: no adapter of the one could make up for the other",
            field="model.targets",
            value=layer.name,
            allowed="layers whose weight is not tied",
        )


def check_strategy(row: Method, strategy: str, reason: str) -> None:
    """Raise SpecError where the method reads all of G and the strategy keeps none of it."""
    if row.whole_gradient and strategy != "accumulate":
        raise SpecError(
            f"{row.label} reads the sign of every entry of G, and {reason}",
            field="gradient.strategy",
            value=strategy,
            allowed="accumulate",
            hint="set gradient.strategy to accumulate, or choose fewer target layers",
        )


def check_inputs(
    row: Method, params: Mapping[str, Any], rank: int, layers: Sequence[Layer], tokens: int
) -> None:
    """Raise SpecError where there are fewer input directions than the method asks for.

    ``tokens`` are those of the smallest batch of calibration texts.
    """
    if row.input_directions is None:
        return
    wanted = round(rank * params[row.input_directions])
    most = min(layer.shape[1] for layer in layers)
    if wanted > min(most, tokens):
        symbol = row.params.model_fields[row.input_directions].title
        raise SpecError(
            f"{row.label} asks for {symbol}·r = {wanted} directions, but the narrowest layer has "
            f"{most} inputs and the smallest batch of the gradient texts {tokens} tokens",
            field="gradient.samples" if tokens < most else "rank",
            value=wanted,
            allowed=f"{symbol}·r up to {min(most, tokens)}",
            hint=f"lower {symbol} or the rank, or raise gradient.samples",
        )
