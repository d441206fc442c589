"""Quantised weights as bitsandbytes packs them, and the matrices that they stand for.

Nothing is imported of it before a layer is there that it made. Only one layer's matrix exists at a
time: whoever asks for it gets a tensor of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from loraone.errors import ModelError

# The classes of bitsandbytes' parameters.
FOUR_BITS, EIGHT_BITS = "Params4bit", "Int8Params"


def is_packed(module: nn.Module) -> bool:
    """Whether the weight of a module is a quantised one."""
    return type(getattr(module, "weight", None)).__name__ in (FOUR_BITS, EIGHT_BITS)


def dequantised(module: Any) -> Tensor:
    """W of a quantised layer, (out, in), float32, where the layer lies.

    With 4 bits it is what the layer multiplies with: rounded to the format that it computes in.
    """
    from bitsandbytes import functional

    weight = module.weight
    if type(weight).__name__ == EIGHT_BITS:
        eight: Tensor = functional.int8_vectorwise_dequant(weight.data, row_scales(module))
        return eight.float()
    four: Tensor = functional.dequantize_4bit(weight.data, weight.quant_state)
    return four.float()


def check_kernel(model: nn.Module, name: str) -> None:
    """Raise ModelError, naming the layer, where bitsandbytes misreads its rows on this device.

    On processors with AVX-512 version 0.50 takes other blocks' scales for rows of, say, 80 numbers:
    the weights would be off by a half. As one row of whole blocks the same bits are read well.
    """
    good: set[tuple[int, torch.dtype]] = set()
    for path, module in model.named_modules():
        if type(getattr(module, "weight", None)).__name__ != FOUR_BITS:
            continue
        layer: Any = module
        kind = layer.in_features, layer.weight.quant_state.dtype
        if kind not in good and not _reads_well(*kind, layer.weight):
            raise ModelError(
                f"layer {path} of {name} has {kind[0]} inputs, and bitsandbytes misreads 4-bit "
                f"rows of that length on this {layer.weight.device.type}",
                field="model.quantization",
                value="nf4",
                allowed="none, int8, or layers whose inputs are a multiple of 64",
                hint="use int8, or another device",
            )
        good.add(kind)


def _reads_well(width: int, dtype: torch.dtype, like: Any) -> bool:
    from bitsandbytes import functional

    state, size = like.quant_state, like.quant_state.blocksize
    draw = torch.Generator().manual_seed(0)
    rows = torch.randn(size, width, generator=draw).to(like.device, dtype)
    bits, found = functional.quantize_4bit(rows, blocksize=size, quant_type=state.quant_type)
    by_rows = functional.dequantize_4bit(bits, found)
    found.shape = torch.Size((1, size * width))
    return torch.equal(by_rows.reshape(1, -1), functional.dequantize_4bit(bits, found))


def row_scales(module: Any) -> Tensor:
    """The largest magnitude of each row of a layer in 8 bits; the first call moves them."""
    moved = module.state.SCB
    scales: Tensor = module.weight.SCB if moved is None else moved
    return scales


def requantised(module: Any, original: Tensor) -> bool:
    """Whether ``original`` (out, in), in the format it was loaded in, is what the layer was
    quantised from, bit for bit."""
    from bitsandbytes import functional

    weight = module.weight
    if type(weight).__name__ == EIGHT_BITS:
        given = original.to(weight.device, torch.float16)
        eight, scales, _ = functional.int8_vectorwise_quant(given)
        return torch.equal(eight, weight.data) and torch.equal(scales, row_scales(module))
    four, state = functional.quantize_4bit(
        original.to(weight.device),
        blocksize=weight.quant_state.blocksize,
        compress_statistics=weight.quant_state.nested,
        quant_type=weight.quant_state.quant_type,
        quant_storage=weight.quant_storage,
    )
    return torch.equal(four, weight.data) and torch.equal(state.absmax, weight.quant_state.absmax)


def scales(module: Any) -> Iterator[Tensor]:
    """The numbers that a layer's packed weight is multiplied with, as they are held."""
    if type(module.weight).__name__ == EIGHT_BITS:
        yield row_scales(module)
        return
    state = module.weight.quant_state
    yield state.absmax
    if state.nested:
        yield from (state.offset, state.state2.absmax)


def held(module: Any) -> int:
    """Bytes of a layer's packed weight and its scales."""
    return sum(tensor.nbytes for tensor in (module.weight.data, *scales(module)))


def plain(module: Any) -> nn.Linear:
    """The layer as an ``nn.Linear`` of the matrix that it stands for, float32 on the CPU."""
    weight = dequantised(module).cpu()
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=module.bias is not None, device="meta")
    layer.weight = nn.Parameter(weight, requires_grad=False)
    if module.bias is not None:
        layer.bias = nn.Parameter(module.bias.detach().float().cpu(), requires_grad=False)
    return layer


def settle(model: nn.Module, dtype: torch.dtype) -> None:
    """Have all quantised layers compute in ``dtype``, and keep their bits what they are.

    bitsandbytes packs 4-bit weights anew in the first evaluation on a CPU with bfloat16: their
    scales are rounded to it and the second quantisation is undone, so that a model would become
    another by being looked at. Its layers are told that this CPU is not one of those.
    """
    # It warns of every 8-bit product that its inputs are rounded to float16 first.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    for module in model.modules():
        if type(getattr(module, "weight", None)).__name__ != FOUR_BITS:
            continue
        layer: Any = module
        layer.compute_dtype, layer.compute_type_is_set = dtype, True
        layer.support_avx512bf16_for_cpu = False
        layer.weight.quant_state.dtype = dtype
        if layer.bias is not None:
            layer.bias.data = layer.bias.data.to(dtype)
