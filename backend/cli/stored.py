"""``loraone report | export | import | backup | restore``: what a server has offline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from backend.cli.console import console

Experiment = Annotated[int, typer.Argument(min=1, help="Number of an experiment, see its URL")]
Home = Annotated[Path | None, typer.Option(help="Folder of the database")]


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
    """Write a stored experiment as JSON that another server takes in without loss."""
    with _stored() as offline:
        offline.write_export(home, experiment, output)
    console.print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", markup=False)


def take_in(
    file: Annotated[Path, typer.Argument(help="What 'loraone export' or the page wrote")],
    home: Home = None,
) -> None:
    """Store an exported experiment as a new one, all of it or nothing."""
    with _stored() as offline:
        key = offline.take_in(home, file)
    console.print(f"stored as experiment {key}", markup=False)


def backup(
    output: Annotated[Path, typer.Option(help="The file to write, a tar")] = Path("loraone.tar"),
    home: Home = None,
    adapters: Annotated[bool, typer.Option(help="With the adapters and logs of runs")] = True,
) -> None:
    """Write all that is stored into one file, also while the server runs."""
    with _stored() as offline:
        said = offline.write_backup(home, output, adapters=adapters)
    console.print(said, markup=False)


def restore(
    file: Annotated[Path, typer.Argument(help="What 'loraone backup' wrote")],
    home: Home = None,
) -> None:
    """Put a backup into a data folder that has no database yet, all of it or nothing."""
    with _stored() as offline:
        said = offline.restore(home, file)
    console.print(said, markup=False)
