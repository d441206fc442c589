"""The house stays as it is drawn: directions of imports, size of files, what is imported when."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loraone import catalog

ROOT = Path(__file__).parents[1]


def test_imports_go_one_way_and_never_in_a_circle() -> None:
    """The contracts stand in pyproject.toml, under [tool.importlinter]."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout[checked.stdout.find("Broken contracts") :]


def test_the_library_has_at_most_a_dozen_rooms_beside_those_that_talk_to_other_machines() -> None:
    rooms = {folder.parent.name for folder in (ROOT / "loraone").glob("*/__init__.py")}
    assert len(rooms - {"client", "tracking"}) <= 12, rooms
    loose = [file.name for file in (ROOT / "loraone").glob("*.py")]
    assert len(loose) <= 6, loose


def test_the_library_is_imported_without_its_client_and_the_client_without_torch() -> None:
    code = (
        "import loraone, sys; assert not {'httpx', 'loraone.client'} & set(sys.modules);"
        "loraone.Client;"
        "bad = {'torch', 'transformers', 'pandas', 'plotly', 'backend'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_server_and_the_command_line_start_without_torch() -> None:
    code = (
        "import backend.web.app, backend.web.server, backend.cli.announcement, backend.cli, sys;"
        "bad = {'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


ROWS = (
    catalog.METHODS,
    catalog.TASKS,
    catalog.OPTIMIZERS,
    catalog.SOURCES,
    catalog.METRICS,
    catalog.SUMMARY,
    catalog.LAYER_METRICS,
    catalog.FIGURES,
)


def named_functions() -> Iterator[Any]:
    """Every ``module:function`` in any field of any row of the catalogue."""
    for rows in ROWS:
        for row in rows.values():
            for field in dataclasses.fields(row):
                value = getattr(row, field.name)
                if isinstance(value, str) and re.fullmatch(r"[a-z_]\w*(\.\w+)+:\w+", value):
                    yield pytest.param(value, id=f"{row.name}.{field.name}")


@pytest.mark.parametrize("path", named_functions())
def test_every_implementation_that_the_catalogue_names_exists(path: str) -> None:
    assert callable(catalog.resolve(path))


def test_every_field_that_names_an_implementation_is_among_those_checked() -> None:
    checked = {str(param.id).partition(".")[2] for param in named_functions()}
    fields = {"initialise", "prepare", "peft_code", "run", "build", "student", "load", "score"}
    assert checked == fields | {"produce"}


@pytest.mark.parametrize("row", catalog.METHODS.values(), ids=lambda row: row.name)
def test_every_method_has_a_summary_and_its_paper_an_address(row: catalog.Method) -> None:
    assert row.summary
    assert row.paper is None or row.paper.url.startswith("https://arxiv.org/")


def test_every_source_and_task_of_the_catalogue_exists() -> None:
    assert catalog.SOURCES and catalog.TASKS
    for source in catalog.SOURCES.values():
        assert callable(catalog.resolve(source.load))
    for task in catalog.TASKS.values():
        assert callable(catalog.resolve(task.run))


GENERATED = ("frontend/src/api/schema.ts", "loraone/client/models.py")


def test_files_stay_readable() -> None:
    for folder in ("loraone", "backend", "benchmarks", "docs", "tests"):
        assert (ROOT / folder).is_dir(), folder
        for file in (ROOT / folder).rglob("*.py"):
            if "versions" not in file.parts:
                long = str(file.relative_to(ROOT)) in GENERATED
                assert long or len(file.read_text().splitlines()) <= 300, file
                if folder != "tests":
                    assert ast.get_docstring(ast.parse(file.read_text())), file
    sources = list((ROOT / "frontend" / "src").rglob("*.ts*"))
    assert sources
    for file in sources:
        if str(file.relative_to(ROOT)) not in GENERATED:
            assert len(file.read_text().splitlines()) <= 300, file


def test_no_file_names_a_package_registry_or_a_path_of_this_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip(f"{ROOT} is no checkout: git alone knows which files are committed")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    assert "README.md" in listed
    forbidden = ("registry.npm" + "js.org", "files.python" + "hosted.org", "pypi." + "org/simple")
    for name in filter(None, listed):
        file = ROOT / name
        if file.is_file() and file.suffix not in (".png", ".svg"):
            text = file.read_text(encoding="utf-8", errors="ignore")
            assert not any(word in text for word in forbidden), name
