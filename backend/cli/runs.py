"""``loraone plan | run``: an experiment from a file, run here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer
import yaml
from filelock import Timeout
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from backend.cli.console import console
from backend.cli.kept_runs import TERMINATED, KeptRuns
from backend.errors import MOST_PROBLEMS, FieldProblem
from loraone import events
from loraone.catalog import TASKS
from loraone.errors import LoraOneError
from loraone.events import Event
from loraone.inputs.models.foreseen import foresee, foresee_runs, left_out
from loraone.inputs.models.paths import preflight
from loraone.runs.interruption import InterruptedRunError
from loraone.spec.experiment import ExperimentSpec, RunSpec, expand
from loraone.spec.validation import problems
from loraone.spec.yaml_text import read_yaml
from loraone.tracking.mirror import Mirrors
from loraone.tracking.mirrored import mirrored
from loraone.tracking.refusals import refusals

if TYPE_CHECKING:
    from loraone.runs.workspace import Workspace

Mirror = Callable[[RunSpec, Iterator[Event]], Iterator[Event]]
SpecFile = Annotated[
    Path, typer.Argument(help="An experiment as YAML or JSON; '-' reads standard input")
]


class BadSpecError(Exception):
    """The spec cannot be used; the lines say why, one for each field."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def read_spec(path: Path) -> ExperimentSpec:
    """The experiment in a file. Raises BadSpecError with a line for each wrong field."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        data = read_yaml(text)
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadSpecError([f"{path} cannot be read as YAML: {error}"]) from error
    if not isinstance(data, dict):
        raise BadSpecError([f"{path} must hold a mapping of fields, not {type(data).__name__}"])
    try:
        spec = ExperimentSpec.model_validate(data)
    except ValidationError as error:
        rows = [FieldProblem(**row) for row in problems(error.errors())]
        # A list whose items are all wrong is also said to be too short.
        more = sum(e["type"] != "too_short" for e in error.errors()) - MOST_PROBLEMS
        lines = [_line(row) for row in rows] + ([f"and {more} more"] if more > 0 else [])
        raise BadSpecError(lines) from error
    wrong = [*preflight(spec, roots=None), *refusals(spec.report_to)]
    if wrong:
        raise BadSpecError([_line_of(error) for error in wrong])
    return spec


def _line(row: FieldProblem) -> str:
    shown = "" if row.value is None else f" = {row.value!r}"
    return f"{row.path}{shown}: {row.message}" + (
        f" (allowed: {row.allowed})" if row.allowed else ""
    )


def _line_of(error: LoraOneError) -> str:
    hint = f"; {error.hint}" if error.hint else ""
    return f"{error.field}: {error.message}{hint}"


def _load(path: Path) -> ExperimentSpec:
    try:
        return read_spec(path)
    except BadSpecError as error:
        for line in error.lines:
            _complain(line)
        raise typer.Exit(2) from error


def plan(spec_file: SpecFile) -> None:
    """List the runs of an experiment without executing them."""
    spec = _load(spec_file)
    runs = expand(spec)
    problems = _foreseen(spec, runs)
    table = Table("Method", "Rank", "Learning rate", "Seed", title=spec.name)
    for run in runs:
        rank = str(run.rank) if run.trains_adapter else "–"
        table.add_row(run.method.label, rank, f"{run.learning_rate:g}", str(run.seed))
    gradients = len({run.gradient_key() for run in runs})
    Console().print(table)
    Console().print(f"{len(runs)} runs, {gradients} one-step gradients")
    for note in left_out(spec):
        _complain(note)
    for run, problem in zip(runs, problems, strict=True):
        if problem is not None:
            _complain(f"will fail: {run.title}: {problem.message}")


def _foreseen(spec: ExperimentSpec, runs: list[RunSpec]) -> list[LoraOneError | None]:
    """What single runs would fail at; where that is all of them, there is nothing to plan."""
    wrong, problems = foresee(spec), foresee_runs(spec, runs)
    if not wrong and all(problems):
        wrong = [error for error in problems if error]
    for line in dict.fromkeys(_line_of(error) for error in wrong):
        _complain(line)
    if wrong:
        raise typer.Exit(2)
    return problems


def _complain(line: str) -> None:
    console.print(line, style="red", markup=False, highlight=False)


def run(
    spec_file: SpecFile,
    output: Annotated[
        Path | None, typer.Option(help="Folder for adapters, with one subfolder for each run")
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(help="File for the events as JSON lines; default: standard output"),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or cuda; default: cuda if available")
    ] = None,
    checkpoints: Annotated[
        Path | None,
        typer.Option(
            help="Folder for checkpoints: the same command, given again after it was interrupted, "
            "goes on from there. SIGTERM keeps one and ends, SIGUSR1 keeps one and goes on"
        ),
    ] = None,
) -> None:
    """Execute all runs of an experiment in this process; write each event as a line of JSON."""
    from loraone.runs.run import run as run_spec

    spec = _load(spec_file)
    runs = expand(spec)
    workspace: Workspace | None = None
    if not TASKS[spec.task].synthetic:
        with console.status("importing torch"):
            from loraone.runs.workspace import Workspace

            workspace = Workspace(device)
    failed, keeping = 0, _keeping(None if TASKS[spec.task].synthetic else checkpoints, runs)
    with keeping as kept, _opened(results) as lines, _mirroring(spec) as mirror, _bar() as bar:
        for number, run in enumerate(runs, 1):
            folder = output / f"run-{number:03d}" if output else None
            events: Iterable[Event] | None = kept.finished(number, run, folder)
            if events is None:
                its = run_spec(
                    run,
                    workspace=workspace,
                    output=folder,
                    checkpoints=kept.checkpoints(number),
                    interruption=kept.interruption,
                )
                events = mirror(run, kept.noting(number, run, folder, its))
            try:
                succeeded = _follow(run, events, f"{number}/{len(runs)}", lines, bar)
            except InterruptedRunError as error:
                console.print(f"{run.title}: {error}; the same command goes on from its checkpoint")
                raise typer.Exit(TERMINATED) from error
            failed += not succeeded
            if kept.interruption.ending:  # and this run came to its end before it could
                raise typer.Exit(TERMINATED)
        if not failed:
            kept.clear(len(runs))
    console.print(f"{len(runs) - failed} of {len(runs)} runs succeeded")
    if failed:
        raise typer.Exit(1)


def _opened(results: Path | None) -> AbstractContextManager[IO[str]]:
    return results.open("w", encoding="utf-8") if results else nullcontext(sys.stdout)


@contextmanager
def _keeping(folder: Path | None, runs: Sequence[RunSpec]) -> Iterator[KeptRuns]:
    try:
        with KeptRuns(folder) as kept:
            if (other := kept.of_another(runs)) is not None:
                _complain(
                    f"--checkpoints {folder}: {other.name} in it is of another experiment; give "
                    "another folder, or remove that one if nobody is to go on from it"
                )
                raise typer.Exit(2)
            yield kept
    except Timeout as error:
        _complain(f"--checkpoints {folder}: another command keeps its own there now")
        raise typer.Exit(2) from error


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@contextmanager
def _mirroring(spec: ExperimentSpec) -> Iterator[Mirror]:
    """Tells the experiment's trackers of its runs; at the end waits for them, for a while."""
    mirrors = Mirrors(Path.cwd())

    def mirror(run: RunSpec, its: Iterator[Event]) -> Iterator[Event]:
        return mirrored(
            its, run, report_to=spec.report_to, experiment=spec.name, mirrors=mirrors, late=_warn
        )

    try:
        yield mirror
        mirrors.wait(mirrors.grace_s)
    finally:
        mirrors.stop()


def _warn(message: str) -> None:
    console.print(f"warning: {message}", style="yellow", markup=False)


def _follow(
    spec: RunSpec, its: Iterable[Event], number: str, lines: IO[str], bar: Progress
) -> bool:
    """Write a run's events and show how far it is; whether it succeeded."""
    task = bar.add_task(f"{number} {spec.title}")
    for event in its:
        lines.write(json.dumps({"run": spec.title, **events.to_json(event)}) + "\n")
        lines.flush()
        if isinstance(event, events.Progress):
            title = f"{number} {spec.title}: {event.phase}"
            bar.update(task, description=title, completed=event.done, total=event.total)
        elif isinstance(event, events.Note):
            if event.warning:
                _warn(event.message)
            else:
                console.print(f"note: {event.message}", markup=False)
        elif isinstance(event, events.Failed):
            hint = f" ({event.hint})" if event.hint else ""
            console.print(f"{spec.title} failed: {event.message}{hint}", style="red", markup=False)
            return False
        elif isinstance(event, events.Finished):
            shown = {k: v for k, v in event.summary.items() if k in ("eval_loss", "accuracy")}
            numbers = ", ".join(f"{k} {v:.4g}" for k, v in shown.items() if v is not None)
            bar.update(task, description=f"{number} {spec.title}: {numbers}")
    return True
