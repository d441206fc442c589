"""An exported experiment, read and checked as a whole before anything of it is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from backend.errors import FieldProblem
from backend.storage.store.exported_json import TransferError, check_plain, shown
from backend.storage.store.exported_results import ROWS, ResultRow
from backend.storage.store.exported_rows import CommentInPlace as CommentRow
from backend.storage.store.exported_rows import ExperimentRow, NoteRow, Row, RunRow, Tag
from backend.storage.tables import FINAL
from loraone.spec import stored
from loraone.spec.method import MOST_PARAMS

FORMAT = "loraone-experiment"
VERSION = 1
MAX_TAGS = 100
MAX_NOTE_VERSIONS = 10_000
MAX_COMMENTS = 10_000
# All of each are stored in one step.
MAX_NOTE_LETTERS, MAX_COMMENT_LETTERS = 20_000_000, 4_000_000
# What the runs hold beside their results, in bytes of JSON: their rows are written together when an
# import is complete, and read together by whoever looks at the experiment.
MAX_RUN_BYTES = 32_000_000
# Of what is wrong with a part so much is said.
_MOST_PROBLEMS = 20
_TOP = ("format", "version", "experiment", "tags", "notes", "comments", "runs")
_KINDS = {
    "int": "a whole number", "float": "a number", "string": "a text", "bool": "true or false",
    "dict": "a mapping", "list": "a list", "model": "a mapping of fields",
}  # fmt: skip

_R = TypeVar("_R", bound=Row)
_W = TypeVar("_W", NoteRow, CommentRow)


@dataclass(frozen=True)
class Limits:
    """How much an import may be: runs, and rows of all their results together."""

    runs: int = 2_000
    rows: int = 3_000_000


@dataclass(frozen=True)
class ExportedRun:
    """A run's columns, and the rows of its results by table."""

    columns: dict[str, Any]
    results: Mapping[type[ResultRow], Sequence[dict[str, Any]]]
    # Of the columns, in bytes of JSON.
    size: int


@dataclass(frozen=True)
class Exported:
    """An experiment that can be stored as it is."""

    experiment: dict[str, Any]
    tags: Sequence[str]
    notes: Sequence[dict[str, Any]]
    comments: Sequence[CommentRow]
    runs: Sequence[ExportedRun]


def read(document: Any, limits: Limits) -> Exported:
    """Check all of a document. Raises TransferError for the first part that is wrong.

    What had not ended when it was exported is cancelled here.
    """
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TransferError.at("format", "this is no exported experiment", FORMAT)
    version = document.get("version")
    if version != VERSION or isinstance(version, bool):
        raise TransferError.at(
            "version", f"{shown(version)!r} is not known to this release", str(VERSION), version
        )
    experiment = _checked(ExperimentRow, document.get("experiment"), "experiment")
    _check_spec(experiment.spec)
    for name in document:
        if name not in _TOP:
            raise TransferError.at(str(shown(name)), "is no field of it", ", ".join(_TOP))
    runs = _list(document, "runs", limits.runs)
    rows = sum(_count_rows(run) for run in runs)
    if rows > limits.rows:
        allowed = f"up to {limits.rows} (LORAONE_MAX_IMPORT_ROWS)"
        raise TransferError.at("runs", f"{rows} rows of results are too many", allowed, rows)
    notes = _written(document, "notes", NoteRow, MAX_NOTE_VERSIONS, MAX_NOTE_LETTERS)
    _check_once([vars(note) for note in notes], ("version",), "notes")
    return Exported(
        experiment=experiment.model_dump(),
        tags=tuple(dict.fromkeys(_tags(document))),
        notes=[note.model_dump() for note in notes],
        comments=_comments(document, len(runs)),
        runs=_runs(runs),
    )


def _written(
    document: Mapping[str, Any], name: str, kind: type[_W], most: int, letters: int
) -> list[_W]:
    """What people wrote."""
    rows = _list(document, name, most)
    found = [_checked(kind, row, f"{name}.{i}") for i, row in enumerate(rows)]
    if sum(len(row.text) for row in found) > letters:
        allowed = f"up to {letters} letters; a backup takes any number"
        raise TransferError.at(name, "are too long together", allowed)
    return found


def _comments(document: Mapping[str, Any], runs: int) -> list[CommentRow]:
    found = _written(document, "comments", CommentRow, MAX_COMMENTS, MAX_COMMENT_LETTERS)
    for i, comment in enumerate(found):
        if comment.run is not None and comment.run >= runs:
            raise TransferError.at(f"comments.{i}.run", "is none", f"below {runs}", comment.run)
    return found


def _runs(rows: Sequence[Any]) -> list[ExportedRun]:
    found, size = [], 0
    for i, row in enumerate(rows):
        run = _run(row, f"runs.{i}")
        size += run.size
        if size > MAX_RUN_BYTES:
            message = (
                "notes, specs, layers, environments and errors of the runs are too much together"
            )
            allowed = f"up to {MAX_RUN_BYTES / 1e6:g} MB; a backup takes any amount"
            raise TransferError.at("runs", message, allowed)
        found.append(run)
    return found


def _list(document: Mapping[str, Any], name: str, most: int) -> list[Any]:
    items = document.get(name, [])
    if not isinstance(items, list):
        raise TransferError.at(name, "must be a list")
    if len(items) > most:
        setting = " (LORAONE_MAX_IMPORT_RUNS)" if name == "runs" else ""
        raise TransferError.at(
            name, f"{len(items)} are too many", f"up to {most}{setting}", len(items)
        )
    return items


def _tags(document: Mapping[str, Any]) -> list[str]:
    items = _list(document, "tags", MAX_TAGS)
    try:
        return _TAGS.validate_python(items)
    except ValidationError as error:
        raise _refused(error, "tags", "words of 1 to 40 characters") from error


_TAGS = TypeAdapter(list[Tag])


def _check_spec(document: dict[str, Any]) -> None:
    """Refuse what no release stored. A method that is not installed here, or a value that today's
    rules refuse, may well be an experiment of another server: it is shown, and not launched."""
    check_plain(document, "experiment.spec")
    spec = stored.experiment(document)
    for problem in spec.malformed:
        raise TransferError.at(
            f"experiment.spec.{problem['path']}", problem["message"], problem["allowed"],
            problem["value"],
        )  # fmt: skip
    if not all(isinstance(method, dict) for method in spec.document["methods"]):
        raise TransferError.at(
            "experiment.spec.methods", "must be a list of mappings, as is stored"
        )


def _count_rows(run: Any) -> int:
    results = run.get("results") if isinstance(run, dict) else None
    tables = results.values() if isinstance(results, dict) else ()
    return sum(len(rows) for rows in tables if isinstance(rows, list))


def _run(row: Any, path: str) -> ExportedRun:
    results = row.pop("results", {}) if isinstance(row, dict) else {}
    run = _checked(RunRow, row, path)
    check_plain(run.spec, f"{path}.spec")
    if run.environment is not None:
        check_plain(run.environment, f"{path}.environment")
    _check_run_spec(run, path)
    if not isinstance(results, dict) or not set(results) <= set(ROWS):
        raise TransferError.at(f"{path}.results", "has unknown tables", ", ".join(ROWS))
    layers = len(run.layers.names) if run.layers is not None else 0
    columns = dict(run) | {
        "layers": None if run.layers is None else run.layers.model_dump(),
        "error": None if run.error is None else run.error.model_dump(exclude_unset=True),
    }
    if run.status not in FINAL:
        reason = "it had not ended when it was exported"
        columns |= {"status": "cancelled", "reason": reason, "error": None}
    tables = {
        ROWS[name]: _rows(ROWS[name], rows, layers, f"{path}.results.{name}")
        for name, rows in results.items()
    }
    return ExportedRun(columns, tables, len(to_json(columns)))


def _check_run_spec(run: RunRow, path: str) -> None:
    """Its spec is one, and says what its columns say."""
    spec = stored.run(run.spec)
    for problem in spec.malformed:
        raise TransferError.at(
            f"{path}.spec.{problem['path']}", problem["message"], problem["allowed"],
            problem["value"],
        )  # fmt: skip
    params = spec.document["method"].get("params")
    if isinstance(params, dict) and len(params) > MOST_PARAMS:
        raise TransferError.at(
            f"{path}.spec.method.params", "has too many", f"up to {MOST_PARAMS}", len(params)
        )
    said = {
        "method": spec.document["method"].get("name"),
        "seed": spec.document["seed"],
        "learning_rate": spec.document["learning_rate"],
    }
    for name, value in said.items():
        if value != getattr(run, name):
            raise TransferError.at(
                f"{path}.{name}", f"its spec says {shown(value)!r}", str(shown(value)),
                getattr(run, name),
            )  # fmt: skip


def _rows(kind: type[ResultRow], rows: Any, layers: int, path: str) -> list[dict[str, Any]]:
    """The rows, checked one by one: other threads have their turn between them. Each takes the
    place of what it was read from, as there may be millions."""
    if not isinstance(rows, list):
        raise TransferError.at(path, "must be a list")
    for i, row in enumerate(rows):
        one = _checked(kind, row, f"{path}.{i}")
        if (problem := one.problem(layers)) is not None:
            raise TransferError.at(f"{path}.{i}", problem, f"what {layers} layers have")
        rows[i] = vars(one)
    _check_once(rows, kind.key, path)
    return rows


def _check_once(rows: Sequence[Mapping[str, Any]], key: Sequence[str], path: str) -> None:
    known = set()
    for i, row in enumerate(rows):
        one = tuple(row[name] for name in key)
        if one in known:
            named = ", ".join(f"{name} {value}" for name, value in zip(key, one, strict=True))
            raise TransferError.at(f"{path}.{i}", f"is there twice: {named}")
        known.add(one)


def _checked(kind: type[_R], row: Any, path: str) -> _R:
    try:
        return kind.model_validate(row)
    except ValidationError as error:
        raise _refused(error, path, ", ".join(kind.model_fields)) from error


def _refused(error: ValidationError, path: str, fields: str) -> TransferError:
    items = error.errors(include_url=False)
    # A field that is not known may be a missing one with another name: it says more.
    items.sort(key=lambda item: item["type"] != "extra_forbidden")
    return TransferError(*(_problem(item, path, fields) for item in items[:_MOST_PROBLEMS]))


def _problem(item: Any, path: str, fields: str) -> FieldProblem:
    context = item.get("ctx", {})
    at = context.get("at", "")
    parts = [path, *(str(shown(part)) for part in item["loc"]), *([at] if at else [])]
    allowed = context.get("allowed") or _allowed(item["type"], context)
    unknown = item["type"] == "extra_forbidden"
    return FieldProblem(
        ".".join(parts),
        "is no field of it" if unknown else item["msg"],
        shown(item["input"]),
        fields if unknown else allowed,
    )


def _allowed(kind: str, context: Mapping[str, Any]) -> str | None:
    """The range of a field, from the error about it."""
    for name, words in (
        ("expected", "{}"),
        ("max_length", "up to {}"),
        ("min_length", "at least {}"),
        ("le", "at most {:g}"),
        ("ge", "at least {:g}"),
        ("gt", "above {:g}"),
        ("pattern", "what fits {}"),
    ):
        if name in context:
            return words.format(context[name])
    return _KINDS.get(kind.removesuffix("_type"), "a finite number" if "finite" in kind else None)
