"""Writes the generated parts of the documents: settings, search keys, the command line.

``python -m backend.cli.reference`` rewrites what stands between the markers of each document; with
``--check`` it fails where a document is not what the code says today. Generated from
``Settings``, from the keys of the history's search and from the typer app, so that what is
documented is what exists. A further part is one row of ``PARTS`` and two markers in its document:

    <!-- generated: settings -->
    <!-- end of generated -->
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings
from typer.cli import get_docs_for_click

from backend.cli.commands import app
from backend.settings import Settings, allowed
from backend.storage.store.search import KEYS, Key

ROOT = Path(__file__).parents[2]
END = "<!-- end of generated -->"
# The settings of the README: those that a first installation may need.
COMMON = (
    "home",
    "host",
    "port",
    "allowed_roots",
    "user",
    "cpu_threads",
    "lanes_per_device",
    "database_url",
    "executor",
    "benchmark_device",
)


class DocumentationError(ValueError):
    """Something has no documentation, or a document has no place for it; the message names it."""


def settings_table(settings: type[BaseSettings], names: Iterable[str] | None = None) -> str:
    """The variables, what they mean, their defaults and allowed ranges, as a Markdown table.

    ``names`` selects fields. Raises DocumentationError for a field without a description.
    """
    prefix = settings.model_config.get("env_prefix", "")
    rows = []
    for name in names or settings.model_fields:
        field = settings.model_fields[name]
        if not field.description:
            raise DocumentationError(f"the setting {name} has no description")
        rows.append(
            (
                f"`{(prefix + name).upper()}`",
                field.description,
                _default(field),
                allowed(field) or "–",
            )
        )
    return _table(("variable", "meaning", "default", "allowed"), rows)


def search_table(keys: Mapping[str, Key]) -> str:
    """The keys of the search language as a Markdown table.

    Raises DocumentationError for a key without help or example.
    """
    rows = []
    for name, key in keys.items():
        if not key.help or not key.example:
            raise DocumentationError(f"the search key {name} has no help or no example")
        rows.append((f"`{name}`", key.help, f"`{key.example}`"))
    return _table(("key", "an experiment matches if", "example"), rows)


def command_line(commands: typer.Typer, name: str) -> str:
    """Every command with its arguments and options.

    Raises DocumentationError for a command without a docstring and a parameter without help.
    """
    group = typer.main.get_group(commands)
    context = typer.Context(group, info_name=name)
    described = []
    for command in group.commands.values():
        _check_described(command)
        described.append(
            get_docs_for_click(obj=command, ctx=context, call_prefix=name, indent=1).strip()
        )
    return "\n\n".join(described)


def _check_described(command: Any) -> None:
    """Raise DocumentationError where a command, or one of its own, lacks its help."""
    if not command.help:
        raise DocumentationError(f"the command {command.name} has no docstring")
    for parameter in command.params:
        if not getattr(parameter, "help", None):
            raise DocumentationError(f"{command.name}: {parameter.name} has no help")
    for inner in getattr(command, "commands", {}).values():
        _check_described(inner)


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None or field.default in (None, ""):
        return "–"  # the description says what applies
    shown = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
    return f"`{shown}`"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in lines
    )


@dataclass(frozen=True)
class Part:
    """A generated part: the document that holds it, the name in its marker, its text."""

    document: str
    name: str
    text: Callable[[], str]


PARTS = (
    Part("README.md", "settings", lambda: settings_table(Settings, COMMON)),
    Part("docs/settings.md", "settings", lambda: settings_table(Settings)),
    Part("docs/search.md", "search keys", lambda: search_table(KEYS)),
    Part("docs/cli.md", "command line", lambda: command_line(app, "loraone")),
)


def fill(document: str, part: Part) -> str:
    """A document's text with the part in place. Raises DocumentationError without its markers."""
    start = f"<!-- generated: {part.name} -->"
    pattern = re.compile(f"{re.escape(start)}\n.*?{re.escape(END)}", re.DOTALL)
    if len(pattern.findall(document)) != 1:
        raise DocumentationError(f"{part.document} must hold {start} … {END} once")
    return pattern.sub(lambda _: f"{start}\n{part.text().strip()}\n{END}", document)


def documents(parts: Iterable[Part] = PARTS, root: Path = ROOT) -> dict[Path, str]:
    """What each document should hold."""
    filled: dict[Path, str] = {}
    for part in parts:
        path = root / part.document
        filled[path] = fill(filled.get(path) or path.read_text(encoding="utf-8"), part)
    return filled


def main() -> int:
    """Write or check; the exit status says whether the documents are up to date."""
    stale = {
        path: text for path, text in documents().items() if path.read_text(encoding="utf-8") != text
    }
    if "--check" in sys.argv:
        for path in stale:
            print(f"{path.name} is stale: run 'make docs' and commit the result", file=sys.stderr)
        return 1 if stale else 0
    for path, text in stale.items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
