"""Whether every weight of a loaded model is the checkpoint's: none drawn, none left over."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from loraone.errors import ModelError
from loraone.inputs.models.packed import is_packed, scales
from loraone.spec.model import ModelSpec

_CLASSIFIERS = ("classifier", "score", "classification_head", "logits_proj")
_BLOCK = re.compile(r"^(?P<stack>.*?)\.(?P<index>\d+)\.")
_SHOWN = 20


def new_heads(model: nn.Module, missing: Collection[str]) -> tuple[str, ...]:
    """The modules between the pretrained model and the labels, in model order: those that score
    the labels, and those beside the base model of which the checkpoint holds nothing.

    DistilBERT's pre_classifier is such a one, DeBERTa's pooler too; BERT's pooler is not: it is a
    part of the base model.
    """
    base = getattr(model, "base_model_prefix", "")
    heads = []
    for name, module in model.named_children():
        keys = {f"{name}.{key}" for key, _ in module.named_parameters()}
        whole = bool(keys) and name != base and keys <= set(missing)
        if whole or (name in _CLASSIFIERS and keys):
            heads.append(name)
    return tuple(heads)


def check_complete(
    model: nn.Module, info: Mapping[str, Any], heads: Sequence[str], spec: ModelSpec
) -> None:
    """Raise ModelError, naming the keys, where a weight beside ``heads`` was drawn at random, or
    one of the checkpoint has no place in the blocks of the model.

    ``info`` is transformers' loading info. Heads of other tasks are left over as a rule.
    """
    if info.get("error_msgs"):
        raise _refused(spec, f"cannot be loaded: {'; '.join(map(str, info['error_msgs']))}", None)
    _check_shapes(info.get("mismatched_keys") or (), heads, spec)
    missing = _beside(info.get("missing_keys") or (), heads)
    if missing:
        raise _refused(
            spec,
            f"has no {_listed(missing)}: these weights would be drawn at random",
            _way_out(missing),
        )
    lost = sorted(key for key in info.get("unexpected_keys") or () if _belongs(key, model))
    if lost:
        raise _refused(
            spec,
            f"has {_listed(lost)}, for which the model that config.json describes has no place: "
            "it would compute another function than the checkpoint's",
            "take weights and config.json from one model, or correct config.json",
        )


@torch.no_grad()
def check_finite(model: nn.Module, spec: ModelSpec) -> None:
    """Raise ModelError, naming the weights, where one is not a finite number."""
    bad = [
        name
        for name, tensor in model.named_parameters()
        if tensor.is_floating_point() and not tensor.isfinite().all()
    ]
    bad += [
        f"{name}.weight"
        for name, module in model.named_modules()
        if is_packed(module) and not all(scale.isfinite().all() for scale in scales(module))
    ]
    if bad:
        raise ModelError(
            f"model {spec.id!r} has numbers that are not finite in {spec.dtype}: {_listed(bad)}",
            field="model.dtype" if spec.dtype == "float16" else "model.id",
            value=spec.dtype if spec.dtype == "float16" else spec.id,
            allowed="finite weights",
            hint="use bfloat16 or float32, whose range is wider, if the checkpoint's are finite"
            if spec.dtype == "float16"
            else "the checkpoint is broken: take another",
        )


def _check_shapes(mismatched: Iterable[Any], heads: Sequence[str], spec: ModelSpec) -> None:
    """Of (key, shape in the checkpoint, shape in the model)."""
    shapes = {str(row[0]): row[1:] for row in mismatched}
    wrong = _beside(shapes, heads)
    if not wrong:
        return
    key = wrong[0]
    there, here = (" × ".join(map(str, shape)) or "one number" for shape in shapes[key][:2])
    more = f" (and {len(wrong) - 1} more: {_listed(wrong[1:])})" if len(wrong) > 1 else ""
    raise _refused(
        spec,
        f"has {key} as {there}, and config.json describes {here}{more}: "
        "these weights would be drawn at random",
        "take weights and config.json from one model, or correct config.json",
    )


def _beside(keys: Iterable[str], heads: Sequence[str]) -> list[str]:
    return sorted(key for key in keys if key.split(".", 1)[0] not in heads)


def _belongs(key: str, model: nn.Module) -> bool:
    """Whether a left-over key is a weight of a block, or of one too many, of a stack that the
    model has; causal masks and the like that old checkpoints hold are none."""
    match = _BLOCK.match(key)
    if match is None or not key.endswith(("weight", "bias")):
        return False
    modules = dict(model.named_modules())
    names = (match["stack"], match["stack"].split(".", 1)[-1])
    stacks = [modules[name] for name in names if name in modules]
    prefix = getattr(model, "base_model_prefix", "")
    stacks += [modules[name] for name in [f"{prefix}.{match['stack']}"] if name in modules]
    if not any(isinstance(stack, nn.ModuleList) for stack in stacks):
        return False
    return not re.search(r"\.(attn|attention)\.(bias|masked_bias)$", key)


def _way_out(missing: Sequence[str]) -> str:
    if all(".pooler." in f".{key}" for key in missing):
        return (
            "the checkpoint was saved without its pooler: choose one that has it, or draw it once "
            "and for all with transformers: AutoModel.from_pretrained(…).save_pretrained(…)"
        )
    return "choose a checkpoint that was saved for this task, with all its weights"


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more weights" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _refused(spec: ModelSpec, words: str, hint: str | None) -> ModelError:
    return ModelError(
        f"the checkpoint {spec.id} {words}",
        field="model.id",
        value=spec.id,
        allowed="a checkpoint with every weight of the model but a new head's",
        hint=hint,
    )
