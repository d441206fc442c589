"""Whether a loaded model can compute with its texts, and does not see what it has to predict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any

import torch

from loraone.catalog import TASKS
from loraone.errors import ModelError
from loraone.inputs.data.batches import Batch
from loraone.inputs.models.foreseen import reads_both_ways
from loraone.inputs.models.loading import LoadedModel, embedding_rows
from loraone.inputs.models.loss import mean_loss
from loraone.inputs.models.targets import TargetLayer
from loraone.memory import ran_out
from loraone.spec.model import ModelSpec
from loraone.spec.start import InputsSpec

# Experts round a token's numbers otherwise when others choose them too, so what only looks at
# numbers allows for that; an encoder's change where the configuration says that it is one.
_LOOSE, _TIGHT, _LENGTH = 0.1, 1e-5, 8


def check_forward(loaded: LoadedModel, batch: Batch, spec: InputsSpec) -> dict[str, int]:
    """How often a forward pass calls each target layer: several times where blocks share it.

    Raises ModelError where the model cannot compute the loss of ``batch``, or predicts the next
    token though it sees it.
    """
    try:
        with torch.no_grad(), _counting(loaded.layers) as calls:
            mean_loss(loaded.model, batch)
        if TASKS[spec.task].predicts == "next-token":
            check_causal(loaded.model, embedding_rows(loaded.model), spec.model)
    except ModelError:
        raise
    except Exception as error:
        if ran_out(error):
            raise
        default = spec.model.dtype == "float32"
        raise ModelError(
            f"{spec.model.id} cannot compute the loss of a text in {spec.model.dtype}: "
            f"{type(error).__name__}: {error}",
            field="model.id" if default else "model.dtype",
            value=spec.model.id if default else spec.model.dtype,
            allowed=f"a model for {TASKS[spec.task].label.lower()}",
            hint="choose another model or task" if default else "set model.dtype to float32",
        ) from error
    return calls


@contextmanager
def _counting(layers: Sequence[TargetLayer]) -> Iterator[dict[str, int]]:
    calls = {layer.name: 0 for layer in layers}

    def called(name: str, *_: object) -> None:
        calls[name] += 1

    with ExitStack() as hooks:
        for layer in layers:
            handle = layer.module.register_forward_hook(partial(called, layer.name))
            hooks.callback(handle.remove)
        yield calls


@torch.no_grad()
def check_causal(model: Any, vocabulary: int, spec: ModelSpec) -> None:
    """Raise ModelError where the logits of a token depend on the tokens after it.

    Two texts that differ in their last token alone must have equal logits before it.
    """
    device = next(model.parameters()).device
    draw = torch.Generator().manual_seed(0)
    first = torch.randint(vocabulary, (1, _LENGTH), generator=draw)
    second = first.clone()
    second[0, -1] = (first[0, -1] + 1) % vocabulary
    before, after = (
        model(input_ids=ids.to(device), attention_mask=torch.ones_like(ids).to(device)).logits
        for ids in (first, second)
    )
    change = float((before - after)[:, :-1].float().abs().max())
    largest = float(before.float().abs().max())
    if change > (_TIGHT if _may_be_encoder(model.config) else _LOOSE) * largest:
        kind = str(getattr(model.config, "model_type", type(model).__name__))
        raise reads_both_ways(spec.id, kind)


def _may_be_encoder(config: Any) -> bool:
    """Whether a configuration says that it is none of a decoder: BERT's, XLM's, XLNet's word."""
    return (
        getattr(config, "is_decoder", None) is False
        or getattr(config, "causal", None) is False
        or getattr(config, "attn_type", None) == "bi"
    )
