"""Which methods need a base in full precision, and why: the others can begin on a quantised one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, Method
from loraone.errors import SpecError
from loraone.spec.model import ModelSpec

# peft.utils.integrations.dequantize_module_weight makes the weight anew without them.
NO_DORA = "PEFT's DoRA loses the scales of a base in int8"


def reason(
    row: Method, params: Mapping[str, Any] | None = None, *, original: bool = True
) -> str | None:
    """Why the method cannot begin on a quantised base; None where it can.

    ``original`` says whether the weights can be had as they were before, which a checkpoint that
    was stored quantised does not hold.
    """
    if row.trains == "all":
        return f"{row.label} trains the base weights, and quantised ones have no gradient"
    if row.quantises and not original:
        return f"{row.label} makes up for what quantising lost, and the weights before it are gone"
    if row.quantises and not row.flag("on_quantised", params):
        return f"{row.label} quantises the base in every round, and this one stays as it is"
    if row.flag("changes_base", params) and not row.quantises:
        return f"{row.label} takes s·B·A out of the base weight, which so few bits round away"
    if not row.flag("on_quantised", params):
        return f"{row.label} is computed by PEFT, for base weights in full precision alone"
    return None


def allowed(*, original: bool = True) -> str:
    """The methods that can begin on a quantised base, by name."""
    names = []
    for row in METHODS.values():
        if reason(row, original=original) is None:
            names.append(row.name)
        elif row.quantises and original and isinstance(row.on_quantised, tuple):
            names.append(f"{row.name} with {row.on_quantised[0]} = {row.on_quantised[1]}")
    return ", ".join(names)


def check_spec(
    row: Method, params: Mapping[str, Any], model: ModelSpec, at: str, *, dora: bool
) -> None:
    """Raise PydanticCustomError, naming the field ``at``, where a spec asks for both."""
    if model.quantization == "none":
        return
    if dora and model.quantization == "int8":
        raise PydanticCustomError(
            "dora_in_8_bits",
            "{why}; allowed: off, or nf4",
            {"why": NO_DORA, "given": True, "at": "adapter.dora"},
        )
    why = reason(row, params)
    if why is not None:
        raise PydanticCustomError(
            "needs_full_precision",
            "the base is quantised ({kind}), and {reason}; allowed: {known}",
            {
                "kind": model.quantization,
                "reason": why,
                "known": allowed(),
                "given": row.name,
                "at": at,
            },
        )


def check_layer(
    name: str, row: Method, params: Mapping[str, Any] | None, *, original: bool = True
) -> None:
    """Raise SpecError where the method cannot begin on the quantised layer ``name``."""
    why = reason(row, params, original=original)
    if why is not None:
        raise SpecError(
            f"layer {name} is quantised, and {why}",
            field="methods",
            value=row.name,
            allowed=allowed(original=original),
            hint="set model.quantization to none"
            if original
            else "use the checkpoint that is not quantised",
        )
