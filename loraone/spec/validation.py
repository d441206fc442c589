"""Validation errors as people and forms need them: one row per field with its allowed range."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from loraone.spec.experiment import ExperimentSpec

# So many are listed; who has more mistakes than these corrects them first.
MOST_PROBLEMS = 100


def problems(items: Sequence[Any]) -> list[dict[str, Any]]:
    """The errors of a :class:`pydantic.ValidationError` as a form needs them.

    One row per field, with its path, the value given and the range allowed; of the first
    ``MOST_PROBLEMS`` errors.
    """
    schema, rows = _schema(), []
    items = items[:MOST_PROBLEMS]
    for item in items:
        if item["type"] == "too_short" and any(_inside(other, item) for other in items):
            continue  # pydantic counts only the valid items; the invalid ones are named already
        path = [part for part in item["loc"] if _is_field(part)]
        context = item.get("ctx", {})
        if at := context.get("at"):
            path += str(at).rstrip(".").split(".")
        value = context.get("given", item["input"])
        rows.append(
            {
                "path": ".".join(str(part) for part in path),
                "message": item["msg"],
                "value": value if isinstance(value, str | int | float | bool) else None,
                "allowed": context.get("allowed") or allowed(schema, path),
            }
        )
    return list({(row["path"], row["message"]): row for row in rows}.values())


@cache
def _schema() -> dict[str, Any]:
    return ExperimentSpec.model_json_schema()


def _inside(item: Any, outer: Any) -> bool:
    depth = len(outer["loc"])
    return len(item["loc"]) > depth and item["loc"][:depth] == outer["loc"]


def _is_field(part: int | str) -> bool:
    """Drop what pydantic puts into a location that no form has: the names of union members."""
    return isinstance(part, int) or part.replace("_", "").isalnum()


def allowed(schema: dict[str, Any], path: list[int | str]) -> str | None:
    """The range of the field at ``path``, in words, or None where its schema sets none."""
    node = _at(schema, path)
    if node is None:
        return None
    if "enum" in node or "const" in node:
        return ", ".join(str(choice) for choice in node.get("enum", [node.get("const")]))
    low = node.get("minimum", node.get("exclusiveMinimum"))
    high = node.get("maximum", node.get("exclusiveMaximum"))
    if low is None and high is None:
        return None
    if low is None:
        return f"at most {high}"
    above = f"above {low:g}" if "exclusiveMinimum" in node else f"{low:g}"
    return f"{above} to {high:g}" if high is not None else f"at least {above}"


def _at(schema: dict[str, Any], path: list[int | str]) -> dict[str, Any] | None:
    node = _bare(schema, schema)
    for part in path:
        if isinstance(part, int) or part.isdigit():
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part, {})
        node = _bare(schema, node)
    return node or None


def _bare(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """Follow references, and of alternatives take the one that says most."""
    if "$ref" in node:
        return _bare(schema, schema["$defs"][str(node["$ref"]).rsplit("/", 1)[-1]])
    for key in ("anyOf", "allOf", "oneOf"):
        if key in node:
            options = [_bare(schema, option) for option in node[key]]
            return max(options, key=len)
    return node
