"""``loraone run | plan | theory | report | export | import | serve``: all of it from a shell."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import ModuleType
from typing import IO, Annotated

import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from loraone import __version__, events
from loraone.catalog import TASKS
from loraone.errors import LoraOneError
from loraone.paths import preflight
from loraone.presets import PRESETS
from loraone.specs import ExperimentSpec, RunSpec, expand
from loraone.validation import problems

app = typer.Typer(
    help="LoRA initialisations: compute, train briefly, measure, compare.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
console = Console(stderr=True)

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
        data = yaml.safe_load(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadSpecError([f"{path} cannot be read as YAML: {error}"]) from error
    if not isinstance(data, dict):
        raise BadSpecError([f"{path} must hold a mapping of fields, not {type(data).__name__}"])
    try:
        spec = ExperimentSpec.model_validate(data)
    except ValidationError as error:
        raise BadSpecError([_line(**row) for row in problems(error.errors())]) from error
    wrong = preflight(spec, roots=None)
    if wrong:
        raise BadSpecError([_line_of(error) for error in wrong])
    return spec


def _line(path: str, message: str, value: object, allowed: str | None) -> str:
    shown = "" if value is None else f" = {value!r}"
    return f"{path}{shown}: {message}" + (f" (allowed: {allowed})" if allowed else "")


def _line_of(error: LoraOneError) -> str:
    hint = f"; {error.hint}" if error.hint else ""
    return f"{error.field}: {error.message}{hint}"


def _load(path: Path) -> ExperimentSpec:
    try:
        return read_spec(path)
    except BadSpecError as error:
        for line in error.lines:
            console.print(line, style="red", markup=False, highlight=False)
        raise typer.Exit(2) from error


@app.command()
def plan(spec_file: SpecFile) -> None:
    """Show the runs that an experiment would make, without running them."""
    spec = _load(spec_file)
    runs = expand(spec)
    table = Table("Method", "Rank", "Learning rate", "Seed", title=spec.name)
    for run in runs:
        rank = str(run.rank) if run.trains_adapter else "–"
        table.add_row(run.method.label, rank, f"{run.learning_rate:g}", str(run.seed))
    gradients = len({run.gradient_key() for run in runs})
    Console().print(table)
    Console().print(f"{len(runs)} runs, {gradients} one-step gradients")


@app.command()
def run(
    spec_file: SpecFile,
    output: Annotated[
        Path | None, typer.Option(help="Folder for adapters, one folder for each run")
    ] = None,
    results: Annotated[
        Path | None, typer.Option(help="File for the events as JSON lines; default: stdout")
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda; default: cuda if any")] = None,
) -> None:
    """Run all of an experiment here and write every event as a line of JSON."""
    spec = _load(spec_file)
    runs = expand(spec)
    workspace = None
    if not TASKS[spec.task].synthetic:
        with console.status("importing torch"):
            from loraone.workspace import Workspace

            workspace = Workspace(device)
    opened = results.open("w", encoding="utf-8") if results else nullcontext(sys.stdout)
    failed = 0
    with opened as lines, _bar() as bar:
        for number, one in enumerate(runs, 1):
            folder = output / f"run-{number:03d}" if output else None
            if not _run_one(one, f"{number}/{len(runs)}", workspace, folder, lines, bar):
                failed += 1
    console.print(f"{len(runs) - failed} of {len(runs)} runs succeeded")
    if failed:
        raise typer.Exit(1)


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def _run_one(
    spec: RunSpec,
    number: str,
    workspace: object,
    folder: Path | None,
    lines: IO[str],
    bar: Progress,
) -> bool:
    from loraone.run import run as run_spec

    task = bar.add_task(f"{number} {spec.title}")
    for event in run_spec(spec, workspace=workspace, output=folder):  # type: ignore[arg-type]
        lines.write(json.dumps({"run": spec.title, **events.to_json(event)}) + "\n")
        lines.flush()
        if isinstance(event, events.Progress):
            title = f"{number} {spec.title}: {event.phase}"
            bar.update(task, description=title, completed=event.done, total=event.total)
        elif isinstance(event, events.Note):
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


@app.command()
def theory(
    name: Annotated[str | None, typer.Argument(help="An oracle: O1, O2, O3, O3n, …")] = None,
    every: Annotated[bool, typer.Option("--all", help="All oracles")] = False,
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="How many seeds")] = 10,
    first: Annotated[int, typer.Option(min=0, max=10**6, help="The first of them")] = 0,
) -> None:
    """Check a claim of the theory: what is observed, the bound, and whether it holds."""
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


Experiment = Annotated[int, typer.Argument(min=1, help="Number of an experiment, see its URL")]
Home = Annotated[Path | None, typer.Option(help="Folder of the database")]


@contextmanager
def _stored() -> Iterator[ModuleType]:
    """The commands on stored experiments; what cannot be done ends with code 2 and a sentence."""
    from backend import stored

    try:
        yield stored
    except stored.StoredError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error


@app.command()
def report(
    experiment: Experiment,
    output: Annotated[Path, typer.Option(help="The HTML file to write")] = Path("report.html"),
    home: Home = None,
) -> None:
    """Write a report of a stored experiment: one HTML file that opens offline."""
    with _stored() as stored:
        stored.write_report(home, experiment, output)
    console.print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", markup=False)


@app.command()
def export(
    experiment: Experiment,
    output: Annotated[Path, typer.Option(help="The file to write")] = Path("experiment.json"),
    home: Home = None,
) -> None:
    """Write a stored experiment as JSON that another server takes in without loss."""
    with _stored() as stored:
        stored.write_export(home, experiment, output)
    console.print(f"wrote {output} ({output.stat().st_size / 1e6:.1f} MB)", markup=False)


@app.command("import")
def take_in(
    file: Annotated[Path, typer.Argument(help="What 'loraone export' or the page wrote")],
    home: Home = None,
) -> None:
    """Store an exported experiment as a new one, all of it or nothing."""
    with _stored() as stored:
        key = stored.take_in(home, file)
    console.print(f"stored as experiment {key}", markup=False)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Loopback address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="Port; the next free one if taken")] = None,
    home: Annotated[Path | None, typer.Option(help="Folder for database and artifacts")] = None,
    demo: Annotated[bool, typer.Option(help="Launch the demo if the history is empty")] = False,
) -> None:
    """Start the server and say which URL to open."""
    from backend.server import ServerError
    from backend.server import serve as run_server
    from backend.settings import Settings
    from backend.start import announce

    given = {"host": host, "port": port, "home": home}
    try:
        settings = Settings(**{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
        run_server(settings, announce(PRESETS["demo"].spec if demo else None))
    except ValidationError as error:
        for item in error.errors():
            name = "LORAONE_" + str(item["loc"][0]).upper()
            console.print(f"{name} = {item['input']!r}: {item['msg']}", style="red")
        raise typer.Exit(2) from error
    except ServerError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(2) from error


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The console script's entry point."""
    app()


if __name__ == "__main__":
    main()
