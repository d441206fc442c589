"""The generated documents: complete, up to date, and refused where something is undocumented."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import typer
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from backend.cli.commands import app
from backend.cli.reference import (
    END,
    PARTS,
    ROOT,
    DocumentationError,
    Part,
    command_line,
    documents,
    fill,
    search_table,
    settings_table,
)
from backend.settings import Settings
from backend.storage.store.search import KEYS, condition, parse


@pytest.mark.parametrize("path", documents(), ids=lambda path: path.name)
def test_every_document_is_what_the_code_says_today(path: Path) -> None:
    assert path.read_text() == documents()[path], "run 'make docs'"


def test_a_setting_has_a_row_with_its_default_and_range() -> None:
    rows = settings_table(Settings).splitlines()
    assert len(rows) == 2 + len(Settings.model_fields)
    (port,) = [row for row in rows if "LORAONE_PORT" in row]
    assert port.endswith("| `8111` | from 0, up to 65,535 |")
    (executor,) = [row for row in rows if "`LORAONE_EXECUTOR`" in row]
    assert executor.endswith("| `local` | `local`, `ray` |")


def test_a_setting_without_a_description_is_refused() -> None:
    class Undocumented(BaseSettings):
        model_config = SettingsConfigDict(env_prefix="LORAONE_")
        home: str = Field("here", description="A folder")
        speed: int = 1

    with pytest.raises(DocumentationError, match="the setting speed has no description"):
        settings_table(Undocumented)


@pytest.mark.parametrize("change", [{"help": ""}, {"example": ""}])
def test_a_search_key_without_help_or_example_is_refused(change: dict[str, str]) -> None:
    keys = {**KEYS, "colour": dataclasses.replace(KEYS["by"], **change)}
    with pytest.raises(DocumentationError, match="the search key colour"):
        search_table(keys)


@pytest.mark.parametrize("name", KEYS)
def test_the_example_of_a_search_key_is_a_search_with_it(name: str) -> None:
    (term,) = parse(KEYS[name].example)
    assert term.key == name
    condition(KEYS[name].example)


def test_every_command_is_documented() -> None:
    text = command_line(app, "loraone")
    for command in typer.main.get_group(app).commands:
        assert f"## `loraone {command}`" in text


def test_a_command_without_a_docstring_or_a_parameter_without_help_is_refused() -> None:
    def silent() -> None: ...

    def vague(file: Path) -> None:
        """It reads a file."""

    for command, words in ((silent, "silent has no docstring"), (vague, "vague: file has no help")):
        other = typer.Typer()
        other.command()(command)
        other.command("plan")(app.registered_commands[0].callback)  # type: ignore[type-var]
        with pytest.raises(DocumentationError, match=words):
            command_line(other, "loraone")


def test_a_part_replaces_what_stands_between_its_markers_and_nothing_else() -> None:
    part = Part("page.md", "words", lambda: "new")
    text = f"before\n<!-- generated: words -->\nold\nold\n{END}\nafter\n{END}\n"
    expected = f"before\n<!-- generated: words -->\nnew\n{END}\nafter\n{END}\n"
    assert fill(text, part) == expected
    assert fill(expected, part) == expected


def test_a_document_without_the_markers_is_refused() -> None:
    with pytest.raises(DocumentationError, match=r"page\.md"):
        fill("nothing here", Part("page.md", "words", lambda: "new"))


def test_every_marker_belongs_to_a_part() -> None:
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        named = {part.name for part in PARTS if ROOT / part.document == document}
        lines = document.read_text().splitlines()
        found = {line[16:-4] for line in lines if line.startswith("<!-- generated: ")}
        assert named == found
