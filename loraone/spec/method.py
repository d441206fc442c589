"""One method of the catalogue with its own parameters."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    Field,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from loraone.catalog import METHODS, OPTIMIZERS
from loraone.spec.base import LearningRate, Real, Spec, Text, Whole, Word, at_most, exactly
from loraone.spec.form import form
from loraone.spec.training import Optimizer, optimizer_labels

# Of any method.
MOST_PARAMS = 50
# Of any dimension of a grid: as many as the runs of a teacher–student experiment.
MOST_VALUES = 5000


def _method_from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


class MethodSpec(Spec):
    """One method of the catalogue with its own parameters."""

    name: Word = Field(
        title="Method", description="A name of the catalogue", json_schema_extra=form(hidden=True)
    )
    params: Annotated[
        dict[Word, Whole | Real | Annotated[Text, Field(max_length=200)] | bool],
        at_most(MOST_PARAMS, "parameters"),
    ] = Field(
        default_factory=dict,
        max_length=MOST_PARAMS,
        title="Parameters",
        description="Those of the method; see its row",
        json_schema_extra=form(hidden=True),
    )
    learning_rates: (
        Annotated[
            tuple[LearningRate, ...],
            Field(min_length=1, max_length=MOST_VALUES),
            at_most(MOST_VALUES),
        ]
        | None
    ) = Field(
        None,
        title="Learning rates",
        description="For this method alone, instead of the grid's",
        json_schema_extra=form(empty="as in the grid"),
    )
    optimizer: Optimizer | None = Field(
        None,
        title="Optimiser",
        description="For this method alone, instead of the training section's",
        json_schema_extra=form(empty="as for all", choices=optimizer_labels()),
    )

    @model_validator(mode="after")
    def _known_with_valid_params(self) -> MethodSpec:
        if self.name not in METHODS:
            raise PydanticCustomError(
                "unknown_method",
                "method {name} is not known; allowed: {known}",
                {
                    "name": repr(self.name),
                    "known": ", ".join(METHODS),
                    "given": self.name,
                    "at": "name",
                },
            )
        try:
            params = METHODS[self.name].params.model_validate(self.params)
        except ValidationError as error:
            first = error.errors()[0]
            raise PydanticCustomError(
                "method_parameter",
                "{name}: {param} = {given}: {reason}",
                {
                    "name": self.name,
                    "param": str(first["loc"][0]) if first["loc"] else "params",
                    "given": repr(first["input"]),
                    "reason": first["msg"],
                    "at": "params." + str(first["loc"][0] if first["loc"] else ""),
                },
            ) from None
        object.__setattr__(self, "params", params.model_dump())
        return self

    @property
    def label(self) -> str:
        """How the method is named in figures: its label and what differs from its defaults."""
        row = METHODS[self.name]
        fields = row.params.model_fields
        parts = []
        for key, value in self.params.items():
            if key in row.variant_params:
                parts.append(str(value))
            elif value != fields[key].default:
                parts.append(f"{fields[key].title or key} {_short(value)}")
        if self.optimizer is not None:
            parts.append(OPTIMIZERS[self.optimizer].label)
        return f"{row.label} ({', '.join(parts)})" if parts else row.label


def _short(value: object) -> str:
    return exactly(value) if isinstance(value, float) else str(value)
