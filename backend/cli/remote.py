"""``loraone launch | watch``: an experiment on a server, through the library's client."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from backend.cli.console import console
from backend.cli.failures import complain
from backend.cli.runs import SpecFile
from backend.cli.stored import Experiment
from loraone.spec.yaml_text import read_yaml

if TYPE_CHECKING:
    from loraone.client import Client
    from loraone.client import Experiment as RemoteExperiment

Server = Annotated[
    str | None,
    typer.Option(help="Address of the server; default: LORAONE_SERVER, or the last login's"),
]


@contextmanager
def sentences() -> Iterator[None]:
    """What a server refuses, and what it warns of, as lines; the command ends with code 2."""
    from loraone.client import ClientError

    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *rest: console.print(
            f"warning: {message}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )
        try:
            yield
        except ClientError as error:
            hint = f"\n{error.hint}" if error.hint and error.hint not in str(error) else ""
            for line in f"{error}{hint}".splitlines():
                complain(line)
            raise typer.Exit(2) from error


@contextmanager
def _client(server: str | None) -> Iterator[Client]:
    from loraone.client import Client

    with sentences(), Client(server) as client:
        yield client


def launch(
    spec_file: SpecFile,
    server: Server = None,
    private: Annotated[
        bool, typer.Option("--private", help="Seen by you and administrators alone")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait until all runs have ended, with a progress bar")
    ] = False,
) -> None:
    """Launch an experiment on a server, and print its address."""
    with _client(server) as client:
        spec = _standard_input() if str(spec_file) == "-" else spec_file
        experiment = client.launch(spec, private=private)
        typer.echo(experiment.url)
        if watch:
            _watch(experiment)


def watch(experiment: Experiment, server: Server = None) -> None:
    """Wait until the runs of an experiment on a server have ended, with a progress bar.

    Ctrl+C ends the waiting; the runs go on.
    """
    with _client(server) as client:
        _watch(client.experiment(experiment))


def _standard_input() -> Any:
    try:
        return read_yaml(sys.stdin.read())
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        complain(f"standard input cannot be read as YAML: {error}")
        raise typer.Exit(2) from error


def _watch(experiment: RemoteExperiment) -> None:
    """Code 1 where a run did not succeed, 130 where somebody had enough of waiting."""
    try:
        runs = experiment.wait().detail.runs
    except KeyboardInterrupt as error:
        raise typer.Exit(130) from error
    for run in runs:
        if run.status == "failed" and run.error is not None:
            complain(f"run {run.id} ({run.label}) failed: {run.error.message}")
    succeeded = sum(run.status == "succeeded" for run in runs)
    console.print(f"{succeeded} of {len(runs)} runs succeeded: {experiment.url}", markup=False)
    if succeeded < len(runs):
        raise typer.Exit(1)
