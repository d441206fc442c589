"""Every field of a run's spec, with other values that it may have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from loraone.catalog import METHODS
from loraone.spec.experiment import RunSpec

# Names of encodings too, for a field that is one.
WORDS = ("cp1252", "utf-16", "another")
# What an earlier version's number says is brought forward, and is then this version's.
REWRITTEN = ("version",)


def variations(spec: RunSpec, words: Mapping[str, Sequence[Any]]) -> dict[str, list[RunSpec]]:
    """By the path of the field: specs that differ from ``spec`` in its value alone.

    Of a choice every option, of a number one above and one below. ``words`` has other values of the
    fields that say something about the world, such as the path of a file; of others any word will
    do. What the rules refuse is left out; a field of which nothing is left has an empty list. The
    methods' parameters are varied from a run of their own: ``method.params.<method>.<parameter>``.
    """
    changed: dict[str, list[RunSpec]] = {}
    for path, info, value in _leaves(spec, ""):
        if path in REWRITTEN:
            continue
        if path == "method.name":
            options: list[Any] = [name for name in METHODS if name != value]
        else:
            options = [*words[path]] if path in words else _others(info.annotation, value)
        changed[path] = [other for each in options if (other := _with(spec, path, each))]
    for name, row in METHODS.items():
        start = spec if name == spec.method.name else _with(spec, "method.name", name)
        for param, info in row.params.model_fields.items():
            options = _others(info.annotation, info.default) if start else []
            path = f"method.params.{param}"
            found = [other for each in options if (other := _with(start, path, each))]
            changed[f"method.params.{name}.{param}"] = found
    return changed


def _leaves(model: BaseModel, at: str) -> Iterator[tuple[str, FieldInfo, Any]]:
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{at}{name}.")
        elif f"{at}{name}" != "method.params":
            yield f"{at}{name}", info, value


def _others(annotation: Any, value: Any) -> list[Any]:
    """Values of the type other than this one; more than the bounds of the field may allow."""
    return [each for each in _values(annotation, value) if each != value]


def _values(annotation: Any, value: Any) -> list[Any]:
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return _values(inner[0], value)
    if kind in (Union, UnionType):
        return [each for one in inner for each in _values(one, value)]
    if kind is Literal:
        return [*inner]
    if annotation is NoneType:
        return [None]
    if annotation is str:
        return [*WORDS]
    if kind is tuple and inner[1:] == (Ellipsis,) and isinstance(value, tuple):
        return [value[:1], *((*value, each) for each in _values(inner[0], value[0]))]
    if annotation is bool:
        return [False, True]
    near = value if isinstance(value, int | float) else 1
    if annotation is int:
        return [near + 1, near - 1]
    if annotation is float:
        return [near * 2 or 0.5, near / 2]
    raise LookupError(f"say other values of a {annotation} such as {value!r}")


def _with(spec: RunSpec | None, path: str, value: Any) -> RunSpec | None:
    """The spec with another value; None where the rules refuse it, or where it is no other."""
    if spec is None:
        return None
    document = spec.model_dump()
    *sections, name = path.split(".")
    section = document
    for each in sections:
        section = section[each]
    if path == "method.name":
        document["method"] = {"name": value}
    else:
        section[name] = value
    try:
        other = RunSpec.model_validate(document)
    except ValidationError:
        return None
    return None if other == spec else other
