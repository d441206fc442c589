"""Which trackers cannot be told of runs from this machine."""

from __future__ import annotations

from collections.abc import Sequence

from loraone.catalog.trackers import TRACKERS
from loraone.errors import SpecError


def refusals(report_to: Sequence[str]) -> list[SpecError]:
    """One for each name that is not known, or whose package is not installed here."""
    there = [name for name, row in TRACKERS.items() if row.installed]
    allowed = ", ".join(there) or "none: no tracker is installed here"
    refused = []
    for place, name in enumerate(report_to):
        row = TRACKERS.get(name)
        if row is not None and row.installed:
            continue
        if row is None:
            message, hint = f"no tracker is called {name!r}", None
        else:
            message, hint = f"{row.label} is not installed here", row.install
        refused.append(
            SpecError(
                f"{message}; allowed: {allowed}",
                field=f"report_to.{place}",
                value=name,
                allowed=allowed,
                hint=hint,
            )
        )
    return refused


def check(report_to: Sequence[str]) -> None:
    """Raise the first of :func:`refusals`."""
    for refused in refusals(report_to):
        raise refused
