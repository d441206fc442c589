"""What may be done with the experts of a mixture of experts: rules of
:mod:`loraone.spec.applicability` about what PEFT holds as one module for all of a block.

PEFT adapts a parameter of experts as W + s·B·A, not as x ↦ Wx + s·B·A·x: what looks at an expert's
inputs, or acts on them, has nothing to look at.
"""

from __future__ import annotations

from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, OPTIMIZERS, Method
from loraone.spec.adapter import AdapterSpec
from loraone.spec.model import ModelSpec


def why_not(row: Method) -> str | None:
    """Why a method cannot start experts; None where it can."""
    if row.prepare is not None:
        return "it looks at the inputs of linear layers, and PEFT sees none of an expert"
    if row.trains in ("A", "core"):
        what = "lora_A" if row.trains == "A" else "an r × r core"
        return f"it trains {what} alone, and PEFT has both factors of all experts in two tensors"
    return None


def check(
    row: Method,
    model: ModelSpec,
    adapter: AdapterSpec,
    optimizer: str,
    name_at: str,
    optimizer_at: str,
) -> None:
    """Raise PydanticCustomError, naming the field, for what cannot be where experts are adapted."""
    if model.target_parameters != "experts":
        return
    if reason := why_not(row):
        known = ", ".join(other.name for other in METHODS.values() if not why_not(other))
        raise _error(
            "{label} cannot start experts: {reason}; allowed with model.target_parameters "
            "experts: {known}",
            name_at,
            row.name,
            label=row.label,
            reason=reason,
            known=known,
        )
    if row.trains == "all":
        return
    if adapter.dora:
        raise _error(
            "PEFT has no DoRA for the parameters of experts; allowed with model.target_parameters "
            "experts: off",
            "adapter.dora",
            True,
        )
    if adapter.dropout:
        raise _error(
            "dropout acts on the input of an adapter, and PEFT adds an expert's B·A to "
            "the parameter; allowed with model.target_parameters experts: 0",
            "adapter.dropout",
            adapter.dropout,
        )
    if not OPTIMIZERS[optimizer].experts:
        raise _error(
            "{label} multiplies a layer's factors with each other, and PEFT has those of all "
            "experts in two tensors; allowed with model.target_parameters experts: {known}",
            optimizer_at,
            optimizer,
            label=OPTIMIZERS[optimizer].label,
            known=", ".join(each.name for each in OPTIMIZERS.values() if each.experts),
        )


def _error(message: object, at: str, given: object, **words: object) -> PydanticCustomError:
    return PydanticCustomError("experts", message, {**words, "given": given, "at": at})  # type: ignore[arg-type]
