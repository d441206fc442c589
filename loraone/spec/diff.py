"""What differs between the specs of runs, field by field, and what of it forbids a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from loraone.catalog import METHODS, TASKS
from loraone.spec.experiment import RunSpec
from loraone.spec.method import MethodSpec

# Results of runs that differ in one of these are numbers about different things.
_OTHER_PROBLEM = ("task", "model", "data", "problem")
# These change what a method can reach in the same problem.
_OTHER_TRAINING = ("training", "adapter", "gradient")
# What experiments are made to vary, and not a difference between them that needs saying.
VARIED = ("method", "rank", "learning_rate", "seed")


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
    found = []
    for name, info in RunSpec.model_fields.items():
        kind = info.annotation
        if kind is MethodSpec:
            found.append(Field("method", "Method"))
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            inner = kind.model_fields.items()
            found += [Field(f"{name}.{key}", one.title or key) for key, one in inner]
        else:
            found.append(Field(name, info.title or name.replace("_", " ").capitalize()))
    params = {
        key: info.title or key
        for row in METHODS.values()
        for key, info in row.params.model_fields.items()
    }
    return found + [Field(f"method.params.{key}", title) for key, title in params.items()]


def flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A stored run's spec by path; the method by its label, lists as words."""
    found: dict[str, Any] = {}
    for name, value in spec.items():
        if name == "method":
            row = METHODS.get(value["name"])
            found[name] = row.label if row is not None else value["name"]
            found |= {f"method.params.{key}": one for key, one in value["params"].items()}
        elif isinstance(value, Mapping):
            found |= {f"{name}.{key}": _plain(one) for key, one in value.items()}
        else:
            found[name] = _plain(value)
    task = TASKS.get(spec.get("task", ""))
    unread = ("model.", "data.", "gradient.") if task and task.synthetic else ("problem.",)
    return {path: value for path, value in found.items() if not path.startswith(unread)}


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


def between(groups: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Difference]:
    """The fields whose values are not the same in all groups of runs' specs."""
    flattened = {name: [flat(spec) for spec in specs] for name, specs in groups.items()}
    found = []
    for field in fields():
        values = {
            name: list(dict.fromkeys(spec.get(field.path) for spec in specs))
            for name, specs in flattened.items()
        }
        if len({frozenset(map(repr, of_group)) for of_group in values.values()}) > 1:
            found.append(Difference(field, values))
    return found


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
