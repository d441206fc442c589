"""Hooks at the target layers that hand on their input x and output gradient δ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.conv import _ConvNd
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer

from loraone.errors import SpecError
from loraone.inputs.models.targets import TargetLayer

Consume = Callable[[Tensor, Tensor], None]


def outer(delta: Tensor, x: Tensor) -> Tensor:
    """``δᵀ x``, also for one-hot x, which are sparse."""
    return (x.T @ delta).T


def add_outer(into: Tensor, delta: Tensor, x: Tensor, *, bfloat16: bool = False) -> None:
    """Add ``δᵀ x`` in place: without a product of that size beside the sum, where it can be.

    With ``bfloat16`` all entries are numbers of that format.
    """
    with _exact_in_bfloat16() if bfloat16 else nullcontext():
        if x.is_sparse or into.device != x.device:
            into.add_(outer(delta, x).to(into.device))
        else:
            into.addmm_(delta.T, x)


@contextmanager
def _exact_in_bfloat16() -> Iterator[None]:
    """Products of float32 matrices whose entries bfloat16 has are taken by the CPU's units for it.

    Each product of two entries is exact, sums and results are float32: nothing is lost, and with
    AMX it takes half the time (5632 × 2048, 256 tokens: 34 instead of 60 ms).
    """
    matmul = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    try:
        yield
    finally:
        matmul.fp32_precision = before


@contextmanager
def tapping(taps: Sequence[tuple[TargetLayer, Consume]], scale: float = 1.0) -> Iterator[None]:
    """While the context lasts, every call of a layer hands its input and output gradient on.

    ``consume(x, δ)`` is called in the backward pass with x (tokens, in) and δ (tokens, out), both
    float32, once for each call of the layer in the forward pass. An embedding's x are the one-hot
    vectors of its ids, as a sparse matrix. A convolution's x are the patches (positions, in·kernel)
    that its weight, flattened to (out, in·kernel), is multiplied with. ``scale`` is what the loss
    was multiplied by: δ is handed on without it.
    """
    with ExitStack() as hooks:
        for layer, consume in taps:
            hook = layer.module.register_forward_hook(_tap(consume, scale), with_kwargs=True)
            hooks.callback(hook.remove)
        yield


def _tap(consume: Consume, scale: float) -> Callable[[nn.Module, Any, Any, Tensor], Tensor | None]:
    def hook(module: nn.Module, args: Any, kwargs: Any, output: Tensor) -> Tensor | None:
        if not torch.is_grad_enabled():
            return None  # the first, discarded pass of reentrant gradient checkpointing
        if not output.requires_grad:
            # Nothing before this layer needs a gradient, so the graph can begin here.
            output = output.detach().requires_grad_()
        given = args[0] if args else next(iter(kwargs.values()))

        def arrived(inputs: Tensor, delta: Tensor) -> None:
            delta = delta.detach()
            if isinstance(module, _ConvNd):
                x = _patches(inputs, module)
                delta = delta.movedim(-1 - len(module.kernel_size), -1)
            elif isinstance(module, nn.Embedding):
                x = _one_hot(inputs.reshape(-1), module)
            else:
                x = inputs.reshape(-1, inputs.shape[-1]).float()
            delta = delta.reshape(-1, delta.shape[-1]).float()
            if scale != 1:
                delta = delta / scale
            consume(x.to(delta.device), delta)

        tapped: Tensor = _Tap.apply(output, given.detach(), arrived)  # type: ignore[no-untyped-call]
        return tapped

    return hook


class _Tap(torch.autograd.Function):
    """The identity, which hands x and δ on in the backward pass.

    x is a saved tensor and not part of a closure, so that checkpointing can drop and recompute it.
    """

    @staticmethod
    def forward(ctx: Any, output: Tensor, inputs: Tensor, arrived: Consume) -> Tensor:
        ctx.save_for_backward(inputs)
        ctx.arrived = arrived
        # A copy, since the model may change the output in place; the original is not kept.
        return output.clone()

    @staticmethod
    def backward(ctx: Any, *deltas: Tensor) -> tuple[Tensor, None, None]:
        ctx.arrived(ctx.saved_tensors[0], deltas[0])
        return deltas[0], None, None


@contextmanager
def checkpointed(model: nn.Module, field: str = "gradient.checkpointing") -> Iterator[None]:
    """While the context lasts, transformer blocks keep their input alone and are recomputed.

    transformers itself does so in ``train()`` mode alone, where dropout would add its noise.
    """
    blocks = [m for m in model.modules() if isinstance(m, GradientCheckpointingLayer)]
    if not blocks:
        raise SpecError(
            f"{type(model).__name__} has no blocks that could be recomputed",
            field=field,
            value=True,
            allowed="off",
        )
    for block in blocks:
        block.forward = partial(checkpoint, block.forward, use_reentrant=False)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


def _patches(inputs: Tensor, module: _ConvNd) -> Tensor:
    """What the weight of a convolution is multiplied with: (positions, in·kernel), in its order."""
    axes = len(module.kernel_size)
    if inputs.dim() == axes + 1:
        inputs = inputs.unsqueeze(0)
    patches = functional.pad(inputs.float(), module._reversed_padding_repeated_twice)
    for axis, (size, stride) in enumerate(zip(module.kernel_size, module.stride, strict=True), 2):
        patches = patches.unfold(axis, size, stride)
    # (batch, in, positions…, kernel…) → (batch, positions…, in, kernel…)
    patches = patches.movedim(1, 1 + axes)
    return patches.reshape(-1, module.weight[0].numel())


def _one_hot(ids: Tensor, module: nn.Embedding) -> Tensor:
    """One row per id, sparse; rows of padding are empty, as autograd has it."""
    known = ids != (-1 if module.padding_idx is None else module.padding_idx)
    rows = known.nonzero().squeeze(1)
    scale = float(getattr(module, "embed_scale", 1.0))  # Gemma's embeddings multiply their output
    values = torch.full((len(rows),), scale, device=ids.device)
    shape = (len(ids), module.num_embeddings)
    where = torch.stack([rows, ids[rows]])
    return torch.sparse_coo_tensor(where, values, shape, check_invariants=False)


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """Freeze every parameter; let the embeddings' output require a gradient meanwhile.

    Reentrant checkpointing needs one input that requires a gradient, or it builds no graph.
    """
    wanted = {name: p.requires_grad for name, p in model.named_parameters()}
    model.requires_grad_(False)
    handle = None
    embeddings = getattr(model, "get_input_embeddings", lambda: None)()
    if getattr(model, "is_activation_checkpointing", False) and embeddings is not None:
        handle = embeddings.register_forward_hook(
            lambda module, args, output: output.requires_grad_() if output.is_leaf else None
        )
    try:
        yield
    finally:
        if handle is not None:
            handle.remove()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(wanted[name])
