"""Hooks at the target layers that hand on their share of G: x and δ, or an expert's G itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
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


def outer(delta: Tensor, x: Tensor) -> Tensor:
    """``δᵀ x``, also for one-hot x, which are sparse."""
    return (x.T @ delta).T


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


@dataclass(frozen=True)
class OuterProduct:
    """A share of G as ``δᵀx``, with x (tokens, in) and δ (tokens, out), float32; one-hot x are
    sparse. With ``bfloat16`` all their entries are numbers of that format."""

    x: Tensor
    delta: Tensor
    bfloat16: bool = False

    def whole(self) -> Tensor:
        """The share itself, (out, in)."""
        with _exact_in_bfloat16() if self.bfloat16 else nullcontext():
            return outer(self.delta, self.x)

    def add_to(self, into: Tensor) -> None:
        """Add the share in place: without one of that size beside the sum, where it can be."""
        if self.x.is_sparse or into.device != self.x.device:
            into.add_(self.whole().to(into.device))
            return
        with _exact_in_bfloat16() if self.bfloat16 else nullcontext():
            into.addmm_(self.delta.T, self.x)

    def times(self, vectors: Tensor) -> Tensor:
        """Its product with (in, k), without forming it."""
        return self.delta.T @ (self.x @ vectors)

    def transposed_times(self, vectors: Tensor) -> Tensor:
        """The product of its transpose with (out, k), without forming it."""
        return self.x.T @ (self.delta @ vectors)


@dataclass(frozen=True)
class Whole:
    """A share of G as it is, (out, in)."""

    matrix: Tensor

    def whole(self) -> Tensor:
        """The share itself; nobody may write to it."""
        return self.matrix

    def add_to(self, into: Tensor) -> None:
        """Add the share in place."""
        into.add_(self.matrix.to(into.device))

    def times(self, vectors: Tensor) -> Tensor:
        """Its product with (in, k)."""
        return self.matrix @ vectors

    def transposed_times(self, vectors: Tensor) -> Tensor:
        """The product of its transpose with (out, k)."""
        return self.matrix.T @ vectors


Share = OuterProduct | Whole
Consume = Callable[[Share], None]


@contextmanager
def tapping(taps: Sequence[tuple[TargetLayer, Consume]], scale: float = 1.0) -> Iterator[None]:
    """While the context lasts, every call of a layer hands its input and output gradient on.

    ``consume`` is called in the backward pass with x (tokens, in) and δ (tokens, out), both
    float32, once for each call of the layer in the forward pass. An embedding's x are the one-hot
    vectors of its ids, as a sparse matrix. A convolution's x are the patches (positions, in·kernel)
    that its weight, flattened to (out, in·kernel), is multiplied with. ``scale`` is what the loss
    was multiplied by: δ is handed on without it.

    An expert is no module, and how its tokens are gathered is its model's matter: it is given G
    itself, once for each backward pass, from the gradient that its parameter gets, in the
    parameter's number format.
    """
    of_parameters: dict[nn.Parameter, list[tuple[TargetLayer, Consume]]] = {}
    with ExitStack() as hooks:
        for layer, consume in taps:
            if layer.expert is not None:
                of_parameters.setdefault(layer.parameter, []).append((layer, consume))
                continue
            hook = layer.module.register_forward_hook(_tap(consume, scale), with_kwargs=True)
            hooks.callback(hook.remove)
        for parameter, experts in of_parameters.items():
            hooks.enter_context(_tapping_experts(parameter, experts, scale))
        yield


@contextmanager
def _tapping_experts(
    parameter: nn.Parameter, taps: Sequence[tuple[TargetLayer, Consume]], scale: float
) -> Iterator[None]:
    """The parameter's gradient is taken off it as soon as it is whole, one expert in float32 at a
    time; it has afterwards what it had."""

    def arrived(_: Tensor) -> None:
        gradient = parameter.grad
        assert gradient is not None
        parameter.grad = None
        for layer, consume in taps:
            own = layer.oriented(gradient[layer.expert]).float()
            consume(Whole(own / scale if scale != 1 else own))

    wanted, kept = parameter.requires_grad, parameter.grad
    parameter.grad = None
    parameter.requires_grad_(True)
    handle = parameter.register_post_accumulate_grad_hook(arrived)  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        handle.remove()
        parameter.requires_grad_(wanted)
        parameter.grad = kept


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
            narrow = inputs.dtype == delta.dtype == torch.bfloat16 and scale == 1
            narrow = narrow and delta.device.type == "cpu"
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
            consume(OuterProduct(x.to(delta.device), delta, narrow))

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
    scale = _embed_scale(module)
    values = torch.full((len(rows),), scale, device=ids.device)
    shape = (len(ids), module.num_embeddings)
    where = torch.stack([rows, ids[rows]])
    return torch.sparse_coo_tensor(where, values, shape, check_invariants=False)


def _embed_scale(module: nn.Module) -> float:
    """What Gemma's embeddings multiply their output with: a tensor, in the format of the weight."""
    scale, weight = getattr(module, "embed_scale", 1.0), module.weight
    if isinstance(scale, Tensor) and isinstance(weight, Tensor):
        scale = scale.to(weight.dtype)
    return float(scale)


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
