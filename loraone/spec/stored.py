"""Specs as they were stored: always readable, whatever today's rules say of them.

A stored spec is history. It is brought to the current version and its absent fields get their
defaults, but it is not validated: a method whose plug-in is gone, or a bound that was tightened
since, must take nobody's results away. What today's rules refuse is said beside it, and only
launching it again needs them to agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticUndefined

from loraone.catalog import METHODS, TASKS
from loraone.errors import SpecError
from loraone.spec.experiment import ExperimentSpec, RunSpec
from loraone.spec.method import MethodSpec
from loraone.spec.validation import problems
from loraone.spec.versions import Document, upgraded

S = TypeVar("S", ExperimentSpec, RunSpec)


@dataclass(frozen=True)
class StoredSpec(Generic[S]):
    """A stored document in the current version, with defaults filled in, and its class of spec."""

    document: Document
    kind: type[S]

    @cached_property
    def _validated(self) -> S | ValidationError:
        try:
            return self.kind.model_validate(self.document)
        except ValidationError as error:
            return error

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Why it cannot be launched today, as :func:`loraone.spec.validation.problems` has it."""
        if not isinstance(self._validated, ValidationError):
            return []
        missing = [name for name in method_names(self.document) if name not in METHODS]
        if missing:
            return [
                {
                    "path": "methods" if "methods" in self.document else "method",
                    "message": f"method {name} is not installed here",
                    "value": name,
                    "allowed": None,
                }
                for name in dict.fromkeys(missing)
            ]
        return problems(self._validated.errors())

    @property
    def malformed(self) -> list[dict[str, Any]]:
        """The problems of something that no release wrote: unknown fields, values of wrong kinds.

        A rule that a release has and another has not makes no document malformed.
        """
        error = self._validated
        if not isinstance(error, ValidationError):
            return []
        return problems([item for item in error.errors() if _is_malformation(item["type"])])

    @property
    def spec(self) -> S:
        """The valid spec. Raises SpecError, naming field and value, where it is refused today."""
        if isinstance(self._validated, ValidationError):
            first = self.problems[0]
            raise SpecError(
                f"{first['path']}: {first['message']}",
                field=first["path"],
                value=first["value"],
                allowed=first["allowed"],
                hint="install the plug-in that it came from"
                if "not installed" in first["message"]
                else "use it as a template and correct the field",
            )
        return self._validated

    @property
    def runnable(self) -> bool:
        """Whether today's rules accept it."""
        return not isinstance(self._validated, ValidationError)


def _is_malformation(kind: str) -> bool:
    return kind in ("missing", "extra_forbidden", "spec_version") or kind.endswith("_type")


def experiment(document: Mapping[str, Any]) -> StoredSpec[ExperimentSpec]:
    """An experiment's spec as it was stored."""
    return StoredSpec(_filled(document, ExperimentSpec), ExperimentSpec)


def run(document: Mapping[str, Any]) -> StoredSpec[RunSpec]:
    """A run's spec as it was stored."""
    return StoredSpec(_filled(document, RunSpec), RunSpec)


def method_names(document: Mapping[str, Any]) -> list[str]:
    """The names of the methods of an experiment's or a run's document."""
    return [str(method.get("name", "")) for method in _methods(document)]


def method_labels(document: Mapping[str, Any]) -> list[str]:
    """How the methods are named in figures; the bare name of one that is not installed."""
    return [_label(method) for method in _methods(document)]


def _methods(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    given = document.get("methods", [document.get("method")])
    listed = given if isinstance(given, list | tuple) else []
    named = [{"name": each} if isinstance(each, str) else each for each in listed]
    return [each for each in named if isinstance(each, Mapping)]


def _label(method: Mapping[str, Any]) -> str:
    name = str(method.get("name", ""))
    try:
        return MethodSpec.model_validate(dict(method)).label
    except ValidationError:
        row = METHODS.get(name)
        return row.label if row is not None else name


def is_synthetic(document: Mapping[str, Any]) -> bool:
    """Whether its task draws its own problem; False for a task that is not known."""
    task = TASKS.get(str(document.get("task", "")))
    return task is not None and task.synthetic


@cache
def _defaults(kind: type[BaseModel]) -> Mapping[str, Any]:
    """The defaults of a class of specs as JSON: they do not change, and every run is filled."""
    defaults: dict[str, Any] = {}
    for name, info in kind.model_fields.items():
        if isinstance(info.default, BaseModel):
            defaults[name] = info.default.model_dump(mode="json")
        elif name == "methods":
            defaults[name] = [each.model_dump(mode="json") for each in info.default]
        elif info.default is not PydanticUndefined:
            defaults[name] = info.default
    return MappingProxyType(defaults)


def _filled(document: Mapping[str, Any], kind: type[BaseModel]) -> Document:
    """The document in the current version with every absent field at its default."""
    filled = upgraded(document)
    for name, default in _defaults(kind).items():
        if isinstance(default, Mapping) and isinstance(filled.get(name, {}), Mapping):
            filled[name] = {**default, **filled.get(name, {})}
        elif name not in filled:
            filled[name] = default
    if isinstance(filled.get("method"), Mapping):
        filled["method"] = _filled_method(filled["method"])
    if isinstance(filled.get("methods"), list):
        filled["methods"] = [
            _filled_method(method) if isinstance(method, Mapping) else method
            for method in filled["methods"]
        ]
    return filled


def _filled_method(method: Mapping[str, Any]) -> Document:
    """A method with its absent parameters at their defaults, where the method is known."""
    row = METHODS.get(str(method.get("name", "")))
    known = row.params.model_fields if row is not None else {}
    defaults = {
        key: info.default for key, info in known.items() if info.default is not PydanticUndefined
    }
    fields = {key: info.default for key, info in MethodSpec.model_fields.items() if key != "name"}
    params = method.get("params", {})
    if isinstance(params, Mapping):
        params = {**defaults, **params}
    return {**fields, **method, "params": params}
