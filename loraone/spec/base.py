"""What all specs share: frozen, strict about unknown fields, and the bounds used in several.

Everything has a bound, so that whatever is sent is refused quickly and in few words; a test walks
all fields. What was stored is read without them (:mod:`loraone.spec.stored`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# What a database's whole number holds, and what is far from the end of a float's range.
MOST_INT = 2**63 - 1
MOST_FLOAT = 1e300
# More fields than any spec has.
MOST_FIELDS = 200


def storable(text: str) -> str:
    """``text``; PydanticCustomError where it has a NUL, which no database and no path can hold."""
    if "\0" in text:
        raise PydanticCustomError(
            "unstorable_text",
            "holds the character NUL at {place}; allowed: text without it",
            {"place": text.index("\0"), "given": text.replace("\0", "\\0")},
        )
    return text


def at_most(most: int, noun: str = "values") -> BeforeValidator:
    """Refuses a list that is too long before any of its items is looked at: each of them could be
    wrong, and be an error of its own."""

    def check(given: Any) -> Any:
        if isinstance(given, Collection) and not isinstance(given, str) and len(given) > most:
            raise PydanticCustomError(
                "too_many",
                "{count} {noun} are too many; allowed: up to {most}",
                {"count": len(given), "noun": noun, "most": most, "given": len(given)},
            )
        return given

    return BeforeValidator(check)


def few_fields(given: Any) -> Any:
    """``given``; PydanticCustomError where it has more fields than any section: each unknown one
    would be an error of its own."""
    if isinstance(given, Mapping) and len(given) > MOST_FIELDS:
        raise PydanticCustomError(
            "too_many_fields",
            "{count} fields are too many; allowed: those of this section",
            {"count": len(given), "given": len(given)},
        )
    return given


Text = Annotated[str, AfterValidator(storable)]
Word = Annotated[Text, Field(min_length=1, max_length=200)]
Whole = Annotated[int, Field(ge=-MOST_INT, le=MOST_INT)]
Real = Annotated[float, Field(ge=-MOST_FLOAT, le=MOST_FLOAT)]

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

    _few_fields = model_validator(mode="before")(few_fields)
