"""Documents with one or a few things changed, at any place, in the ways that programs get wrong."""

from __future__ import annotations

import copy
import random
from typing import Any

EXTREME = [
    None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, -(2**63) - 1, 10**400, 0.5, -0.0, 1e-320,
    1e308, float("nan"), float("inf"), "", " ", "a", "\0", "\ud800", "x" * 5000, "=1+1", "../..",
    "1", "null", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00-14:00", "2026-11-05", "AAAA",
    "AAAAAAAAAAA=", [], {}, [[]], [None], {"": None}, [{}], {"a": [1]},
]  # fmt: skip
Place = tuple[Any, Any]


def mutated(document: Any, draw: random.Random) -> tuple[Any, str]:
    """A copy with one to three changes, and what they were."""
    changed = copy.deepcopy(document)
    said = [_change(changed, draw) for _ in range(draw.choice([1, 1, 1, 2, 3]))]
    return changed, "; ".join(said)


def _change(document: Any, draw: random.Random) -> str:
    """One change at a place drawn by its depth, so that long tables do not get them all."""
    path: list[Any] = []
    parent, key, node = None, None, document
    while isinstance(node, dict | list) and node and (not path or draw.random() < 0.85):
        parent = node
        key = draw.choice(list(node)) if isinstance(node, dict) else draw.randrange(len(node))
        path.append(key)
        node = parent[key]
    ways = [_delete, _retype, _extreme, _duplicate, _truncate, _swap, _scale, _rename]
    way = draw.choice(ways)
    way(parent, key, draw)
    return f"{way.__name__[1:]} {'.'.join(map(str, path))}"


def _delete(parent: Any, key: Any, draw: random.Random) -> None:
    del parent[key]


def _retype(parent: Any, key: Any, draw: random.Random) -> None:
    value = parent[key]
    parent[key] = draw.choice([str(value), [value], {"a": value}, None, not value])


def _extreme(parent: Any, key: Any, draw: random.Random) -> None:
    parent[key] = copy.deepcopy(draw.choice(EXTREME))


def _duplicate(parent: Any, key: Any, draw: random.Random) -> None:
    if isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[f"{key}_2"] = copy.deepcopy(parent[key])


def _truncate(parent: Any, key: Any, draw: random.Random) -> None:
    value = parent[key]
    if isinstance(value, str | list):
        parent[key] = value[: draw.randrange(len(value) + 1)]
    elif isinstance(value, dict):
        parent[key] = dict(list(value.items())[: draw.randrange(len(value) + 1)])


def _swap(parent: Any, key: Any, draw: random.Random) -> None:
    other = draw.choice(list(parent)) if isinstance(parent, dict) else draw.randrange(len(parent))
    parent[key], parent[other] = parent[other], parent[key]


def _scale(parent: Any, key: Any, draw: random.Random) -> None:
    value = parent[key]
    if isinstance(value, int | float) and not isinstance(value, bool):
        parent[key] = value * draw.choice([-1, 0, 10, 1000, 10**12])
    elif isinstance(value, str | list) and len(value) < 2000:
        parent[key] = value * draw.choice([2, 3, 50])


def _rename(parent: Any, key: Any, draw: random.Random) -> None:
    if isinstance(parent, dict):
        parent[draw.choice([str(key).upper(), f"{key} ", "id", "", "__class__"])] = parent.pop(key)
