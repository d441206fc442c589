"""What differs between the specs of runs, field by field, and what of it forbids a comparison."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from loraone.catalog import METHODS
from loraone.errors import SpecError
from loraone.spec import stored
from loraone.spec.experiment import RunSpec
from loraone.spec.method import MethodSpec

# Results of runs that differ in one of these are numbers about different things.
_OTHER_PROBLEM = ("task", "model", "data", "problem")
# What changes nothing of a result: it is no difference.
_OF_NO_RESULT = ("training.checkpoint_minutes",)
# These change what a method can reach in the same problem.
_OTHER_TRAINING = ("training", "adapter", "gradient")


@dataclass(frozen=True)
class Field:
    """A field of a run's spec: its path (``training.steps``), and its title in the form."""

    path: str
    title: str

    @property
    def section(self) -> str:
        """The part of the spec that it belongs to."""
        return self.path.partition(".")[0]


@dataclass(frozen=True)
class Difference:
    """A field with the values that each group of runs has, in the order in which they appear."""

    field: Field
    values: dict[str, list[Any]]


def fields() -> list[Field]:
    """All fields of a run's spec, in the order of the form, the method's parameters at its end."""
    listed = []
    for name, info in RunSpec.model_fields.items():
        kind = info.annotation
        if name == "version":
            continue  # of the document, not of what was run
        if kind is MethodSpec:
            listed.append(Field("method", "Method"))
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = {f"{name}.{key}": each.title or key for key, each in kind.model_fields.items()}
            listed += [Field(*one) for one in inner.items() if one[0] not in _OF_NO_RESULT]
        else:
            listed.append(Field(name, _title(name, info.title)))
    params = {
        key: info.title or key
        for row in METHODS.values()
        for key, info in row.params.model_fields.items()
    }
    return listed + [Field(f"method.params.{key}", title) for key, title in params.items()]


def result_key(spec: RunSpec) -> str:
    """Equal where all is that a run's result depends on."""
    document = spec.model_dump(mode="json")
    for path in _OF_NO_RESULT:
        section, _, name = path.partition(".")
        del document[section][name]
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def same_result(document: Mapping[str, Any], spec: RunSpec) -> bool:
    """Whether a run's spec, as an earlier release may have stored it, has the result of ``spec``:
    a field that it knew nothing of has its default."""
    try:
        return result_key(stored.run(document).spec) == result_key(spec)
    except SpecError:  # today's rules refuse it
        return False


def _title(name: str, title: str | None = None) -> str:
    return title or name.rpartition(".")[2].replace("_", " ").capitalize()


def flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A stored run's spec by path, absent fields at their defaults; lists as words.

    The method stands under its label, or under its bare name where it is not installed.
    """
    document = stored.run(spec).document
    values: dict[str, Any] = {}
    for name, value in document.items():
        if name == "version":
            continue
        if name == "method" and isinstance(value, Mapping):
            row = METHODS.get(str(value.get("name")))
            values[name] = row.label if row is not None else str(value.get("name"))
            params = value.get("params")
            if isinstance(params, Mapping):
                values |= {f"method.params.{key}": _plain(given) for key, given in params.items()}
        elif isinstance(value, Mapping):
            values |= {f"{name}.{key}": _plain(given) for key, given in value.items()}
        else:
            values[name] = _plain(value)
    synthetic = stored.is_synthetic(document)
    unread = ("model.", "data.", "gradient.") if synthetic else ("problem.",)
    left_out = (*unread, *_OF_NO_RESULT)
    return {path: value for path, value in values.items() if not path.startswith(left_out)}


def _plain(value: Any) -> Any:
    """A value that can be counted and shown: lists and mappings as words."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value) if isinstance(value, Mapping) else value


def between(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Difference]:
    """The fields whose values are not the same in all groups of runs' specs.

    A field that today's specs do not have, such as a parameter of a method that is not installed,
    stands at the end.
    """
    flattened = {name: [flat(spec) for spec in specs] for name, specs in groups.items()}
    known = {field.path: field for field in fields()}
    for specs in flattened.values():
        for path in (path for spec in specs for path in spec):
            known.setdefault(path, Field(path, _title(path)))
    differences = []
    for field in known.values():
        values = {
            name: list(dict.fromkeys(spec.get(field.path) for spec in specs))
            for name, specs in flattened.items()
        }
        if len({frozenset(map(repr, of_group)) for of_group in values.values()}) > 1:
            differences.append(Difference(field, values))
    return differences


def comparable(found: Sequence[Difference]) -> bool:
    """Whether groups that differ so have results about the same problem."""
    return not any(one.field.section in _OTHER_PROBLEM for one in found)


def reservations(found: Sequence[Difference]) -> str:
    """Whether groups that differ so can be compared, in a sentence; empty where they can."""
    if not comparable(found):
        other = [one.field for one in found if one.field.section in _OTHER_PROBLEM]
        return (
            f"Not comparable: they differ in {_named(other)}, so their results are about different "
            "problems."
        )
    trained = [one.field for one in found if one.field.section in _OTHER_TRAINING]
    if trained:
        return f"With care: they also differ in {_named(trained)}, not in the method alone."
    return ""


def _named(found: Sequence[Field]) -> str:
    shown = [field.title.lower() if len(field.title) > 3 else field.title for field in found[:4]]
    more = [f"{len(found) - 4} more"] if len(found) > 4 else []
    return ", ".join(shown + more)
