"""How rows are found where they live: in the file of what they describe, or in its folder.

A file of rows says ``ROW = …`` or ``ROWS = (…)`` and imports neither torch nor PEFT at its top, so
that the catalogue can be read without them. Nothing lists the files: to add a row is to add a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Protocol, TypeVar


class Row(Protocol):
    """What every row has: a name, and where it stands among the others."""

    @property
    def name(self) -> str:
        """What specs, stored results and addresses call it."""
        ...

    @property
    def place(self) -> int:
        """The smallest comes first."""
        ...


_Row = TypeVar("_Row", bound=Row)


def discover(where: str, kind: type[_Row]) -> dict[str, _Row]:
    """The rows of a module, or of all modules of a package, by name and in the order of ``place``.

    Args:
        where: the dotted path of the module or package.
        kind: what its rows are.

    Raises ValueError where two rows have one name, TypeError where a row is of another kind.
    """
    rows: dict[str, _Row] = {}
    for module in _modules(where):
        for row in _of(module):
            if not isinstance(row, kind):
                raise TypeError(f"{module.__name__}: {row!r} is not a {kind.__name__}")
            if row.name in rows:
                raise ValueError(f"{module.__name__}: the name {row.name!r} is taken already")
            rows[row.name] = row
    return dict(sorted(rows.items(), key=lambda item: item[1].place))


def _modules(where: str) -> Iterator[ModuleType]:
    outer = import_module(where)
    yield outer
    for item in sorted(iter_modules(getattr(outer, "__path__", ())), key=lambda item: item.name):
        yield import_module(f"{where}.{item.name}")


def _of(module: ModuleType) -> tuple[Any, ...]:
    if hasattr(module, "ROW"):
        return (module.ROW,)
    return tuple(getattr(module, "ROWS", ()))
