"""Which parts of a spec go together; what makes no sense is refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, TASKS, Method

if TYPE_CHECKING:
    from loraone.spec.experiment import ExperimentSpec


def check(spec: ExperimentSpec) -> None:
    """Raise PydanticCustomError, naming the field, for the first combination that cannot be."""
    synthetic = TASKS[spec.task].synthetic
    if spec.sweep is not None and not synthetic:
        raise _error(
            "sweep_needs_a_problem",
            "only the teacher–student task has a problem to sweep; allowed: none",
            "sweep",
            spec.sweep.parameter,
        )
    for i, method in enumerate(spec.methods):
        row = METHODS[method.name]
        own = method.optimizer is not None
        at = f"methods.{i}.optimizer" if own else "training.optimizer"
        optimizer = method.optimizer or spec.training.optimizer
        _optimizer(row, optimizer, at)
        _gradient(spec, row)
        _dora(spec, row, optimizer, at)
        if synthetic:
            _synthetic(spec, row, i, optimizer, at)
        odd = [rank for rank in spec.grid.ranks if rank % 2]
        if row.even_rank and odd:
            raise _error(
                "odd_rank",
                "{label} needs an even rank, not {given}",
                f"methods.{i}.name",
                odd[0],
                label=row.label,
            )


def _error(kind: str, message: Any, at: str, given: object, **words: object) -> PydanticCustomError:
    return PydanticCustomError(kind, message, {**words, "given": given, "at": at})


def _optimizer(row: Method, chosen: str, at: str) -> None:
    if row.trains != "adapter" and chosen not in ("adamw", "sgd"):
        raise _error(
            "optimizer_needs_factors",
            "{optimizer} works on two trained factors, {label} has none or one; "
            "allowed: adamw, sgd",
            at,
            chosen,
            optimizer=chosen,
            label=row.label,
        )


def _gradient(spec: ExperimentSpec, row: Method) -> None:
    if row.whole_gradient and spec.gradient.way in ("immediate", "sketch"):
        raise _error(
            "whole_gradient",
            "{label} reads the sign of every entry of G; allowed: auto, accumulate",
            "gradient.way",
            spec.gradient.way,
            label=row.label,
        )


def _dora(spec: ExperimentSpec, row: Method, optimizer: str, at: str) -> None:
    """DoRA needs both factors trained, and LoRA-FA pairs up parameters that it would disturb."""
    if not spec.adapter.dora:
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
    if optimizer == "lorafa":
        raise _error(
            "dora_with_lorafa",
            "PEFT's LoRA-FA takes DoRA's magnitudes for factors; allowed: another optimiser",
            at,
            "lorafa",
        )


def _synthetic(spec: ExperimentSpec, row: Method, i: int, optimizer: str, at: str) -> None:
    if not row.synthetic:
        known = ", ".join(other.name for other in METHODS.values() if other.synthetic)
        raise _error(
            "not_synthetic",
            "{label} is computed by PEFT on a real model; allowed with a teacher–student problem: "
            "{known}",
            f"methods.{i}.name",
            row.name,
            label=row.label,
            known=known,
        )
    if optimizer == "lorafa":
        raise _error(
            "lorafa_synthetic",
            "LoRA-FA is PEFT's, for real models; allowed: adamw, loraplus, riemannian, sgd, "
            "riemannian-sgd",
            at,
            "lorafa",
        )
    if spec.adapter.dora:
        raise _error("dora_synthetic", "the theory has no DoRA; allowed: off", "adapter.dora", True)
    most = spec.problem.narrowest // row.triplets
    for j, rank in enumerate(spec.grid.ranks):
        if row.trains != "all" and rank > most:
            raise _error(
                "rank_synthetic",
                "{label} takes {count}r singular directions of a layer whose narrow side is "
                "{narrow}; allowed: 1 to {most}",
                f"grid.ranks.{j}",
                rank,
                label=row.label,
                count="" if row.triplets == 1 else row.triplets,
                narrow=spec.problem.narrowest,
                most=most,
            )
