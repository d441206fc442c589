"""What routes about results are given: the basket, what judges it, what of it is shown."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from fastapi import Depends, Query
from pydantic import Field

from backend.api.deps import Reading
from backend.errors import FieldProblem, InvalidError
from backend.results import basket
from backend.results.basket import Basket
from loraone.catalog import JUDGES

if TYPE_CHECKING:
    Judge: TypeAlias = str
else:
    Judge = Literal[JUDGES]

# Of a figure with a value for each layer of each run: more would take minutes and gigabytes.
MOST_VALUES = 3_000_000


def _basket(
    session: Reading,
    of: Annotated[
        list[Annotated[str, Field(max_length=basket.MOST_LENGTH)]],
        Query(
            min_length=1,
            max_length=basket.MOST_ITEMS,
            description=f"What is looked at: {basket.ALLOWED}",
        ),
    ],
) -> Basket:
    return basket.read(session, of)


BasketDep = Annotated[Basket, Depends(_basket)]


# The evaluation loss is the default: on a few hundred texts it is far less noisy than accuracy.
def _judge(
    basket: BasketDep,
    judge: Annotated[
        Judge | None,
        Query(description="What the best learning rate of each method is chosen by"),
    ] = None,
) -> str:
    return judge or basket.judges[0]


JudgeDep = Annotated[str, Depends(_judge)]


Name = Annotated[str | None, Query(max_length=100)]
Labels = Annotated[
    list[Annotated[str, Field(max_length=basket.MOST_LENGTH)]] | None,
    Query(max_length=basket.MOST_LABELS, description="These methods alone"),
]
Layer = Annotated[int, Query(ge=0, le=100_000)]


def _chosen(
    basket: BasketDep,
    judge: JudgeDep,
    rates: Annotated[
        Literal["best", "all"],
        Query(description="best: each method at its own best learning rate; all: every run"),
    ] = "best",
    labels: Labels = None,
) -> Basket:
    basket = basket.labelled(labels)
    return basket.at_best(judge) if rates == "best" else basket.at_all()


ChosenDep = Annotated[Basket, Depends(_chosen)]


def known(field: str, value: str, names: Collection[str]) -> str:
    """``value``, or a problem where it is none of ``names``."""
    if value not in names:
        problem = FieldProblem(
            path=field, message=f"{value!r} is not known", value=value, allowed=", ".join(names)
        )
        raise InvalidError(problem)
    return value


def check_layer(layer: int | None, chosen: Basket) -> None:
    """A problem where the basket's model has no such layer."""
    count = len(chosen.layers)
    if layer is not None and count and layer >= count:
        problem = FieldProblem(
            path="layer",
            message=f"there is no layer {layer}",
            value=layer,
            allowed=f"0 to {count - 1}",
        )
        raise InvalidError(problem)


def check_values(chosen: Basket) -> None:
    """A problem where a figure would have a value for each layer of too many runs."""
    runs, layers = len(chosen.ids), len(chosen.layers)
    if runs * layers > MOST_VALUES:
        problem = FieldProblem(
            path="of",
            message="has too many runs for a figure with a value for each layer",
            value=runs,
            allowed=f"up to {MOST_VALUES // layers} runs with {layers} layers",
            hint="compare some of them, or choose methods",
        )
        raise InvalidError(problem)
