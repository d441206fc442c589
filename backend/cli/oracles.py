"""``loraone theory``: a claim, observed beside its bound."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.cli.console import console


def theory(
    name: Annotated[str | None, typer.Argument(help="An oracle: O1, O2, O3, O3n, …")] = None,
    every: Annotated[bool, typer.Option("--all", help="Check all oracles")] = False,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Number of seeds")] = 10,
    first: Annotated[int, typer.Option(min=0, max=10**6, help="The first seed")] = 0,
) -> None:
    """Check a claim of the theory: print the observed values, the bound, and whether it holds."""
    from loraone.theory.presets import THEORY

    if every == (name is not None) or (name is not None and name not in THEORY):
        given = "" if name is None else f"{name!r} is no oracle; "
        console.print(f"{given}give one of {', '.join(THEORY)}, or --all", style="red")
        raise typer.Exit(2)
    with console.status("importing torch"):
        from loraone.theory.oracles import ORACLES

    output = Console(width=None if sys.stdout.isatty() else 120)
    failed = 0
    for chosen in ORACLES.values() if every else [ORACLES[str(name)]]:
        title = f"{chosen.name}  {chosen.claim}"
        table = Table("Observed", "Median", "Range", "Bound", "Holds", title=title)
        for check in chosen.check(range(first, first + seeds)):
            middle = sorted(check.values)[len(check.values) // 2]
            extent = f"{min(check.values):.3g} … {max(check.values):.3g}"
            holds = "yes" if check.holds else "NO"
            table.add_row(check.label, f"{middle:.3g}", extent, check.bound, holds)
            failed += not check.holds
        output.print(table)
    console.print(f"{seeds} seeds from {first}; bounds are for every seed")
    if failed:
        console.print(f"{failed} bounds do not hold", style="red")
        raise typer.Exit(1)
