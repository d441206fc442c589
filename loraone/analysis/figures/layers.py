"""Names of layers as people say them: block number and module, ``3 · query``.

The experts of one parameter are one class, ``3 · experts down, expert 7``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_EXPERT = re.compile(r"^(?P<parameter>.*)\[(?P<expert>\d+)\]$")
_OF_EXPERTS = {"gate_up_proj": "experts gate and up", "down_proj": "experts down"}
_BLOCK = re.compile(r"^(?P<stack>.*?)\.(?P<block>\d+)\.(?P<module>.*)$")
_KNOWN = {
    "attention.self.query": "query",
    "attention.self.key": "key",
    "attention.self.value": "value",
    "attention.output.dense": "attention output",
    "intermediate.dense": "feed-forward up",
    "output.dense": "feed-forward down",
    "self_attn.q_proj": "query",
    "self_attn.k_proj": "key",
    "self_attn.v_proj": "value",
    "self_attn.o_proj": "attention output",
    "mlp.gate_proj": "feed-forward gate",
    "mlp.up_proj": "feed-forward up",
    "mlp.down_proj": "feed-forward down",
    "attn.c_attn": "query, key, value",
    "attn.c_proj": "attention output",
    "mlp.c_fc": "feed-forward up",
    "mlp.c_proj": "feed-forward down",
}


def split(name: str) -> tuple[str, int | None, str]:
    """The stack (``encoder``, ``decoder``, …), the block number, and the module's name, which all
    experts of it share."""
    match = _BLOCK.match(name)
    if match is None:
        return "", None, name
    module = match["module"]
    if of_expert := _EXPERT.match(module):
        parameter = of_expert["parameter"].rpartition(".")[2]
        module = _OF_EXPERTS.get(parameter, of_expert["parameter"])
    stack = next((s for s in ("encoder", "decoder") if s in match["stack"].split(".")), "")
    return stack, int(match["block"]), _KNOWN.get(module, module)


def label(name: str) -> str:
    """``3 · query``; the whole name for a layer outside the blocks."""
    _, block, module = split(name)
    if (number := expert(name)) is not None:
        module = f"{module}, expert {number}"
    return module if block is None else f"{block} · {module}"


def expert(name: str) -> int | None:
    """Which expert's matrix it is; None where it is no expert's."""
    match = _EXPERT.match(name)
    return None if match is None else int(match["expert"])


def modules(names: Sequence[str]) -> list[str]:
    """The classes of layers, in the order in which they come."""
    return list(dict.fromkeys(split(name)[2] for name in names))


def of_experts(names: Sequence[str]) -> list[str]:
    """The classes of which there is a matrix for each expert, in the order in which they come."""
    return modules([name for name in names if expert(name) is not None])


def of_module(names: Sequence[str], module: str) -> list[int]:
    """Indices of the layers of one class: every block's ``query``."""
    return [index for index, name in enumerate(names) if split(name)[2] == module]
