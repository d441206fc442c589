"""``loraone report | export | import | backup | restore``: what a server has offline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from backend.cli.console import console

Experiment = Annotated[int, typer.Argument(min=1, help="Number of the experiment, as in its URL")]
Home = Annotated[Path | None, typer.Option(help="Data folder; default: LORAONE_HOME")]


@contextmanager
def _stored() -> Iterator[ModuleType]:
    """The commands on stored experiments; what cannot be done ends with code 2 and a sentence."""
    from backend.cli import offline

    try:
        yield offline
    except offline.StoredError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error


def report(
    experiment: Experiment,
    output: Annotated[Path, typer.Option(help="The HTML file to write")] = Path("report.html"),
    home: Home = None,
) -> None:
    """Write a report of a stored experiment: one HTML file that opens offline."""
    with _stored() as offline:
        offline.write_report(home, experiment, output)
    console.print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", markup=False)


def export(
    experiment: Experiment,
    output: Annotated[Path, typer.Option(help="The file to write")] = Path("experiment.json"),
    home: Home = None,
) -> None:
    """Write a stored experiment as JSON that another server can import without loss."""
    with _stored() as offline:
        offline.write_export(home, experiment, output)
    console.print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", markup=False)


def take_in(
    file: Annotated[Path, typer.Argument(help="File written by 'loraone export' or by the page")],
    home: Home = None,
) -> None:
    """Import an exported experiment as a new one, completely or not at all."""
    with _stored() as offline:
        taken = offline.take_in(home, file)
    for sentence in taken.left_out:
        console.print(sentence, style="yellow", markup=False)
    console.print(f"stored as experiment {taken.key}", markup=False)


def backup(
    output: Annotated[Path, typer.Option(help="The tar file to write")] = Path("loraone.tar"),
    home: Home = None,
    adapters: Annotated[bool, typer.Option(help="Include the adapters and logs of runs")] = True,
) -> None:
    """Back up all stored data into one file; works while the server runs."""
    with _stored() as offline:
        sentence = offline.write_backup(home, output, adapters=adapters)
    console.print(sentence, markup=False)


def restore(
    file: Annotated[Path, typer.Argument(help="File written by 'loraone backup'")],
    home: Home = None,
) -> None:
    """Restore a backup, completely or not at all, into a data folder without a database."""
    with _stored() as offline:
        sentence = offline.restore(home, file)
    console.print(sentence, markup=False)
