"""How a long computation says how far it is: it is a generator of :class:`Progress`.

A computation that takes long has the type ``Steps[T]``: it yields progress as the work goes on, and
returns a T. One computation takes in another with ``value = yield from steps``, so that progress
reaches :func:`loraone.run`'s caller the moment it is made, and closing the outermost generator
stops the work at its next step. Whoever wants the value alone calls :func:`finish`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

from loraone.events import Progress

T = TypeVar("T")

Steps: TypeAlias = Generator[Progress, None, T]


def finish(steps: Steps[T]) -> T:
    """Go through all steps, and return what they come to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


def known(value: T) -> Steps[T]:
    """The steps of what is there already: none."""
    return value
    yield
