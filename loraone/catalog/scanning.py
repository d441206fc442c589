"""How methods get into the catalogue: built-in folders and plug-ins, by the same code.

A method is a package whose ``row`` module has a :class:`~loraone.catalog.rows.Method` named
``ROW``. The built-in ones are the folders of ``loraone/methods``; others are named by entry points
of the group ``loraone.methods``.
"""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec

from loraone.catalog.rows import Method

PLUGINS = "loraone.methods"
BUILT_IN = "loraone.methods"

METHODS: dict[str, Method] = {}


def register(row: Method) -> Method:
    """Add a method: it appears in the form, the plan, the comparisons, and may be named in specs.

    Raises ValueError where the name is taken.
    """
    if row.name in METHODS:
        raise ValueError(f"method {row.name!r} is there already; choose another name")
    METHODS[row.name] = row
    return row


def row_of(package: str) -> Method:
    """The row of the method in ``package``; raises TypeError where ``ROW`` is no Method."""
    row = getattr(import_module(f"{package}.row"), "ROW", None)
    if not isinstance(row, Method):
        raise TypeError(f"{package}.row has no ROW that is a loraone.catalog.Method")
    return row


def built_in() -> Iterator[Method]:
    """The rows of the folders of ``loraone/methods``, in the order that they ask for."""
    package = find_spec(BUILT_IN)
    paths = package.submodule_search_locations if package is not None else None
    packages = [module.name for module in pkgutil.iter_modules(paths) if module.ispkg]
    rows = [row_of(f"{BUILT_IN}.{name}") for name in packages]
    yield from sorted(rows, key=lambda row: (row.order, row.name))


def register_plugin(point: EntryPoint) -> None:
    """Register the method of the package that an entry point names.

    Also a row, or several, may be named: ``package.row:ROW``. A broken plug-in is reported and left
    out: it must not keep the server from starting.
    """
    try:
        named = point.load() if point.attr else row_of(point.module)
        for row in [named] if isinstance(named, Method) else named:
            register(row)
    except Exception as error:
        logging.getLogger(__name__).warning("plug-in %s is left out: %s", point.value, error)


def register_all() -> None:
    """The built-in methods, then those of installed plug-ins."""
    for row in built_in():
        register(row)
    for point in entry_points(group=PLUGINS):
        register_plugin(point)
