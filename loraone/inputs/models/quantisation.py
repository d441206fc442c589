"""A base in fewer bits: what a spec asks for, what a checkpoint is already, and what goes together.

bitsandbytes quantises while transformers loads, a weight at a time, so that the whole model never
exists in full precision.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from loraone.catalog import METHODS
from loraone.errors import ModelError, SpecError
from loraone.spec import full_precision
from loraone.spec.experiment import _Shared
from loraone.spec.model import ModelSpec

if TYPE_CHECKING:
    import torch

PACKAGE = "bitsandbytes"
_KEY = "quantization_config"


def stored(config: Mapping[str, Any]) -> str | None:
    """How the weights of a checkpoint are quantised: nf4, fp4 or int8, another package's name;
    None where they are not."""
    words = config.get(_KEY)
    if words is None:
        return None
    if not isinstance(words, Mapping):
        return "unknown"
    four, eight = words.get("load_in_4bit"), words.get("load_in_8bit")
    if words.get("quant_method", PACKAGE if four or eight else "unknown") != PACKAGE:
        return str(words.get("quant_method", "unknown"))
    return "int8" if eight else str(words.get("bnb_4bit_quant_type", "fp4"))


def check_stored(config: Mapping[str, Any], name: str) -> None:
    """Raise ModelError for weights that another package than bitsandbytes has quantised."""
    kind = stored(config)
    if kind in (None, "int8", "nf4", "fp4"):
        return
    raise ModelError(
        f"model {name!r} is quantised by {kind} ({_KEY} in config.json), whose layers cannot be "
        "read here",
        field="model.id",
        value=name,
        allowed="weights that are not quantised, or those of bitsandbytes in 8 or 4 bits",
        hint="use the unquantised checkpoint with model.quantization nf4 or int8",
    )


def check(config: Mapping[str, Any], spec: ModelSpec) -> None:
    """Raise ModelError or SpecError where the model that ``config`` describes cannot be quantised
    as asked: it is so already, or bitsandbytes is not installed."""
    check_stored(config, spec.id)
    kind = stored(config)
    if kind is not None and spec.quantization != "none":
        raise SpecError(
            f"model {spec.id!r} is quantised already ({kind}): it cannot be quantised again",
            field="model.quantization",
            value=spec.quantization,
            allowed="none, which leaves it as it is",
        )
    check_installed(spec, kind)


def check_installed(spec: ModelSpec, kind: str | None = None) -> None:
    """Raise SpecError where bitsandbytes is needed, for the spec or a checkpoint of this ``kind``,
    and is not there."""
    asked = spec.quantization != "none"
    if (asked or kind is not None) and find_spec(PACKAGE) is None:
        raise SpecError(
            f"a base in {spec.quantization if asked else kind} needs the package {PACKAGE}, which "
            "is not installed",
            field="model.quantization" if asked else "model.id",
            value=spec.quantization if asked else spec.id,
            allowed="none" if asked else "a checkpoint that is not quantised",
            hint="pip install 'loraone-lab[quantised]'",
        )


def check_methods(config: Mapping[str, Any], spec: _Shared) -> None:
    """Raise SpecError, naming the field, for the first method that cannot begin on a checkpoint
    that is quantised already."""
    kind = stored(config)
    if kind is None:
        return
    if kind == "int8" and spec.adapter.dora:
        raise SpecError(
            f"model {spec.model.id!r} is quantised ({kind}): {full_precision.NO_DORA}",
            field="adapter.dora",
            value=True,
            allowed="off",
        )
    grid = getattr(spec, "methods", None)
    methods = (getattr(spec, "method"),) if grid is None else grid  # noqa: B009
    for place, method in enumerate(methods):
        why = full_precision.reason(METHODS[method.name], method.params, original=False)
        if why is not None:
            raise SpecError(
                f"model {spec.model.id!r} is quantised ({kind}), and {why}",
                field="method.name" if grid is None else f"methods.{place}.name",
                value=method.name,
                allowed=full_precision.allowed(original=False),
                hint="use the checkpoint that is not quantised",
            )


def options(spec: ModelSpec, config: Any, model_class: Any, device: torch.device) -> dict[str, Any]:
    """What ``from_pretrained`` is told of it: nothing where nothing is quantised.

    ``config`` says then which modules stay as they are: heads beside those that transformers leaves
    out itself, such as a tied embedding.
    """
    kind = stored(config.to_dict())
    if kind is None and spec.quantization == "none":
        return {}
    words = {} if kind is None else _as_dict(getattr(config, _KEY))
    kept = words.get("llm_int8_skip_modules")
    left_out = sorted({*_left_out(config, model_class), *(kept or ())})
    placed = {"device_map": {"": device}}
    if kind is not None:
        setattr(config, _KEY, {**words, "llm_int8_skip_modules": left_out})
        return placed | {"config": config}
    return placed | {"config": config, _KEY: _asked(spec, left_out)}


def _as_dict(words: Any) -> dict[str, Any]:
    return dict(words) if isinstance(words, Mapping) else dict(words.to_dict())


def _asked(spec: ModelSpec, left_out: list[str]) -> Any:
    """As QLoRA has it, computed in the format of the weights that are not quantised."""
    from transformers import BitsAndBytesConfig

    if spec.quantization == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_skip_modules=left_out)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=spec.quantization,
        bnb_4bit_compute_dtype=spec.dtype,
        bnb_4bit_use_double_quant=spec.double_quantization,
        llm_int8_skip_modules=left_out,
    )


def _left_out(config: Any, model_class: Any) -> set[str]:
    """The modules that stay in full precision, read from a model without weights."""
    import torch
    from transformers.quantizers.base import get_keys_to_not_convert

    with torch.device("meta"):
        hollow = model_class(config)
    base = getattr(hollow, "base_model_prefix", "")
    names = set(get_keys_to_not_convert(hollow))
    children = [name for name, _ in hollow.named_children()]
    return names | {name for name in children if base in children and name != base}
