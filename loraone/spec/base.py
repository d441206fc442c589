"""What all specs share: frozen, strict about unknown fields, and the bounds used in several."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

Rank = Annotated[int, Field(ge=1, le=4096)]


LearningRate = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]


Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


def exactly(value: float) -> str:
    """The number as briefly as it can be told from every other: what a label names is one thing."""
    brief = f"{value:g}"
    return brief if float(brief) == value else repr(value)


def _title(spec: type[Spec]) -> str:
    return spec.section or spec.__name__.removesuffix("Spec")


class Spec(BaseModel):
    """Base of all specs: frozen, and strict about unknown fields.

    ``section`` is the section of the form that its fields stand in, the name of its class without
    it; see :mod:`loraone.spec.form`.
    """

    section: ClassVar[str] = ""

    model_config = ConfigDict(extra="forbid", frozen=True, model_title_generator=_title)
