"""What bitsandbytes stores beside a quantised weight, as far as it says how large that is."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# The statistics of a weight in 4 bits, and of one in 8.
_BESIDE = re.compile(
    r"^(?P<layer>.+)\.(weight\.(absmax|quant_map|nested_absmax|nested_quant_map|quant_state\..+)"
    r"|SCB|weight_format)$"
)
_STATE = re.compile(r"\.quant_state\.bitsandbytes__(nf4|fp4)$")
_SIZES = {"U8": 1, "I8": 1, "BF16": 2, "F16": 2, "F32": 4, "F64": 8}
# A quantisation's state is a few words of JSON; nothing larger is read.
_MOST = 10_000


class QuantisedHeaders:
    """Takes what stands beside weights out of a checkpoint's tensors, in whatever file it lies."""

    def __init__(self) -> None:
        self._bytes: dict[str, int] = {}
        self._shapes: dict[str, tuple[int, int]] = {}

    def take(self, name: str, opened: Any) -> bool:
        """Whether the tensor is no weight itself but stands beside a quantised one."""
        match = _BESIDE.match(name)
        if match is None:
            return False
        layer, header = match["layer"], opened.get_slice(name)
        size = math.prod(header.get_shape()) * _SIZES.get(header.get_dtype(), 4)
        self._bytes[layer] = self._bytes.get(layer, 0) + size
        if _STATE.search(name) and size <= _MOST:
            self._shapes[layer] = _shape(bytes(opened.get_tensor(name)))
        return True

    def settle(self, shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
        """The bytes of each quantised weight; its shape in ``shapes`` becomes its matrix's."""
        packed = {}
        for layer, beside in self._bytes.items():
            stored = shapes.get(f"{layer}.weight")
            if stored is None:
                continue
            shape = self._shapes.get(layer)
            if shape is None:  # 8 bits, a number each
                packed[layer] = beside + math.prod(stored)
            else:
                packed[layer] = beside + math.ceil(math.prod(shape) / 2)
                shapes[f"{layer}.weight"] = shape
        return packed


def _shape(words: bytes) -> tuple[int, int]:
    """Raises ValueError for what is no state of a quantised matrix."""
    state = json.loads(words)
    shape = state.get("shape") if isinstance(state, dict) else None
    if not isinstance(shape, list) or len(shape) != 2:
        raise ValueError("a quantised weight does not say its shape")
    if not all(isinstance(side, int) and 0 < side < 2**31 for side in shape):
        raise ValueError(f"a quantised weight cannot be {shape[0]} × {shape[1]}")
    return shape[0], shape[1]
