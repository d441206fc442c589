"""Experts of mixture-of-experts models: transformers holds all of a block in one 3-D parameter.

Hub checkpoints hold most of them one by one (``experts.3.gate_proj``), transformers joins them as
it loads; here they are counted as it will have them. Nothing here imports torch.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_ALONE = re.compile(r"^(?P<path>.*\.experts)\.(?P<expert>\d{1,9})\.(?P<matrix>\w+)\.weight$")
_BLOCK = re.compile(r"\.\d+\.")
_FUSED = re.compile(r"\.\d+\..*(expert|moe)")
# Under which name transformers joins two matrices of one expert.
_JOINED = {
    "gate_proj": "gate_up_proj",
    "up_proj": "gate_up_proj",
    "w1": "gate_up_proj",
    "w3": "gate_up_proj",
    "w2": "down_proj",
}
_CHOSEN = ("num_experts_per_tok", "num_experts_per_token", "moe_topk", "top_k", "moe_k")


def name_of(parameter: str, expert: int) -> str:
    """How one expert's matrix is called: ``model.layers.0.mlp.experts.gate_up_proj[3]``."""
    return f"{parameter}[{expert}]"


def is_of_expert(name: str) -> bool:
    """Whether a layer's name is that of one expert's matrix."""
    return name.endswith("]")


def parameter_of(name: str) -> str:
    """The name of the parameter that the expert's matrix ``name`` is a part of."""
    return name.rpartition("[")[0]


def expert_of(name: str) -> tuple[str, int]:
    """Of which module it is a matrix, and of which expert there."""
    parameter, _, number = name.removesuffix("]").rpartition("[")
    return parameter.rpartition(".")[0], int(number)


def stored(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[int, int]]:
    """The experts' matrices of a checkpoint by name, as transformers will hold them.

    Of a fused parameter the sides are in the order in which it stores them.
    """
    found: dict[str, tuple[int, int]] = {}
    for name, shape in shapes.items():
        if match := _ALONE.match(name):
            matrix = _JOINED.get(match["matrix"], match["matrix"])
            joined = name_of(f"{match['path']}.{matrix}", int(match["expert"]))
            rows, _ = found.get(joined, (0, 0))
            found[joined] = (rows + shape[0], shape[1])
        elif len(shape) == 3 and _FUSED.search(name):
            for expert in range(shape[0]):
                found[name_of(name, expert)] = (shape[1], shape[2])
    return found


def parts_of(parameter: str, names: Iterable[str]) -> list[list[list[str]]]:
    """The stored tensors that may be those of a parameter of the model: for each place in the
    checkpoint by expert, those that are joined for one, in this order.

    The path may be another than the model's, but for the number of the block.
    """
    block, matrix = _BLOCK.search(parameter), parameter.rpartition(".")[2]
    found: dict[str, dict[int, list[str]]] = {}
    for name in sorted(names):
        match = _ALONE.match(name)
        if match and _JOINED.get(match["matrix"], match["matrix"]) == matrix:
            own = _BLOCK.search(match["path"])
            if own is not None and block is not None and own[0] == block[0]:
                of_path = found.setdefault(match["path"], {})
                of_path.setdefault(int(match["expert"]), []).append(name)
    return [
        [by_expert[number] for number in range(len(by_expert))]
        for by_expert in found.values()
        if set(by_expert) == set(range(len(by_expert)))
    ]


def others_of_mixtures(names: Iterable[str], experts: Iterable[str]) -> set[str]:
    """Tensors beside the :func:`stored` experts that are no linear layers of the model: what
    chooses the experts, a parameter of a module of its own, and their biases, one row for each."""
    blocks = {name.partition(".experts")[0] for name in experts}
    choosing = {f"{block}.{last}.weight" for block in blocks for last in ("gate", "router")}
    return {
        name
        for name in names
        if name in choosing or (".experts." in name and name.partition(".experts.")[0] in blocks)
    }


def active_share(experts: Iterable[str], config: Mapping[str, Any]) -> float:
    """Which share of the experts a token goes through, as far as the configuration says."""
    count = len({name.rpartition("[")[2] for name in experts})
    chosen = next((config[key] for key in _CHOSEN if isinstance(config.get(key), int)), count)
    return min(1.0, chosen / count) if count else 1.0


def left_out(experts: float, whole: float) -> str:
    """That so many weights of experts, of all weights of the model, are not adapted."""
    digits = max(0, 3 - len(str(math.floor(whole / 1e6)))) if whole >= 1e6 else 3
    return (
        f"the experts hold {experts / whole:.0%} of this model's weights "
        f"({experts / 1e6:.{digits}f} of {whole / 1e6:.{digits}f} M), and none of them is adapted: "
        "all-linear leaves them out, as they are no linear layers; model.target_parameters: "
        "experts adapts them too"
    )
