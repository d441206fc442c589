"""A language model's output head, applied to chosen positions, after the blocks have run once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from loraone.inputs.data.batches import Batch


class Head:
    """What a model does after its blocks: norms, the output embedding, a scale, soft caps.

    Nothing of it is written down here: the model's own forward runs, with the blocks replaced by
    what they came to at the positions in question.
    """

    def __init__(self, model: nn.Module, blocks: nn.Module, output: Any, batch: Batch) -> None:
        self._model = model
        self._blocks = blocks
        self._output = type(output)
        self._arguments = {"input_ids": batch["input_ids"][:1, :1]}
        if "decoder_input_ids" in batch:
            encoded = output.last_hidden_state[:1, :1].detach()
            self._arguments = {
                "encoder_outputs": BaseModelOutput(last_hidden_state=encoded),
                "decoder_input_ids": batch["decoder_input_ids"][:1, :1],
            }

    def logits(self, hidden: Tensor) -> Tensor:
        """The logits (positions, vocabulary) of hidden states (positions, width)."""
        output = self._output(last_hidden_state=hidden[None])
        with _replaced(self._blocks, lambda *args, **kwargs: output):
            logits: Tensor = self._model(**self._arguments).logits
        return logits[0]

    @property
    def needs_graph(self) -> bool:
        """Whether the head has weights that are trained, or hooks that wait for its gradients."""
        inner = set(self._blocks.modules())
        return any(
            len(module._forward_hooks)
            or any(p.requires_grad for p in module.parameters(recurse=False))
            for module in self._model.modules()
            if module not in inner
        )


def run_blocks(model: Any, batch: Batch) -> tuple[Head, Tensor] | None:
    """Run the model, its head at one position alone: the head, and the hidden states.

    The hidden states are (texts, positions, width). None where the model is not made of blocks and
    a head after them; it has then not been run.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    blocks = _blocks(inner)
    given = dict(batch)
    labels = given.pop("labels")
    if getattr(inner.config, "is_encoder_decoder", False):
        shift = getattr(inner, "prepare_decoder_input_ids_from_labels", None)
        if shift is None:
            return None
        given["decoder_input_ids"] = shift(labels)
    if blocks is None:
        return None
    whole: list[Any] = []

    def one_position(module: nn.Module, args: Any, output: Any) -> Any:
        whole.append(output)
        return type(output)(last_hidden_state=output.last_hidden_state[:1, :1])

    handle = blocks.register_forward_hook(one_position)
    try:
        model(**given)
    finally:
        handle.remove()
    (output,) = whole
    return Head(model, blocks, output, given), output.last_hidden_state


def adds_a_loss(model: Any) -> bool:
    """Whether a model adds to the cross entropy how evenly its experts are chosen."""
    return bool(getattr(getattr(model, "config", None), "output_router_logits", False))


def _blocks(model: Any) -> nn.Module | None:
    """The module whose output the head is applied to."""
    if getattr(model, "get_output_embeddings", lambda: None)() is None:
        return None
    if adds_a_loss(model):
        return None
    blocks: nn.Module = model.get_decoder()
    return None if blocks is model else blocks


@contextmanager
def _replaced(module: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """While the context lasts, a module's forward is another."""
    before = vars(module).get("forward")
    module.forward = forward
    try:
        yield
    finally:
        if before is None:
            del module.forward
        else:
            module.forward = before
