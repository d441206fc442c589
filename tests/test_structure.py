"""The house stays as it is drawn: directions of imports, size of files, what is imported when."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from loraone import catalog

ROOT = Path(__file__).parents[1]
LEVELS = [
    {"errors", "catalog", "sections", "synthetic"},
    {"specs", "events", "combinations"},
    {
        "directions",
        "presets",
        "data",
        "compare",
        "differences",
        "validation",
        "schedule",
        "recipes",
    },
    {"paths", "decompose"},
    {"checkpoint"},
    {"subspaces"},
    {"batches", "models"},
    {"methods", "gradients", "streaming"},
    {"trainee", "memory_plan", "prepared"},
    {
        "adapters",
        "training",
        "curvature",
        "probes",
        "figures",
        "peft_native",
        "environment",
        "report",
    },
    {"calibration"},
    {"estimate"},
    {"starting_point", "theory", "sharing"},
    {"workspace"},
    {"looker"},
    {"artifacts"},
    {"fine_tuning", "run"},
    {"cli"},
]


def imports(file: Path) -> set[str]:
    """Names of modules that a file imports, at any depth."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def level(part: str) -> int | None:
    return next((i for i, names in enumerate(LEVELS) if part in names), None)


def test_loraone_knows_nothing_of_the_server() -> None:
    for file in (ROOT / "loraone").rglob("*.py"):
        if "cli" not in file.parts:  # `loraone serve` starts the server
            assert not any(name.startswith("backend") for name in imports(file)), file


def test_inside_loraone_imports_go_one_way() -> None:
    for file in (ROOT / "loraone").rglob("*.py"):
        part = file.relative_to(ROOT / "loraone").parts[0].removesuffix(".py")
        mine = level(part)
        if part == "__init__":
            continue
        assert mine is not None, f"{file}: give it a place in LEVELS"
        for name in imports(file):
            pieces = name.split(".")
            if pieces[0] == "loraone" and len(pieces) > 1 and pieces[1] != part:
                theirs = level(pieces[1])
                assert theirs is None or theirs <= mine, f"{file} imports {name}"


def test_the_server_and_the_command_line_start_without_torch() -> None:
    code = (
        "import backend.web.app, backend.web.server, backend.cli.announcement, backend.cli, sys;"
        "bad = {'torch', 'transformers', 'peft', 'datasets'} & set(sys.modules);"
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


@pytest.mark.parametrize("row", catalog.METHODS.values(), ids=lambda row: row.name)
def test_every_implementation_that_the_catalogue_names_exists(row: catalog.Method) -> None:
    if row.initialise is not None:
        assert callable(catalog.resolve(row.initialise))
    assert row.summary
    assert row.paper is None or row.paper.url.startswith("https://arxiv.org/")


def test_every_source_and_figure_of_the_catalogue_exists() -> None:
    for source in catalog.SOURCES.values():
        assert callable(catalog.resolve(source.load))
    for figure in catalog.FIGURES.values():
        assert callable(catalog.resolve(figure.draw))
    for task in catalog.TASKS.values():
        assert callable(catalog.resolve(task.run))


def test_files_stay_readable() -> None:
    for folder in ("loraone", "backend"):
        for file in (ROOT / folder).rglob("*.py"):
            if "versions" not in file.parts:
                assert len(file.read_text().splitlines()) <= 300, file
                assert ast.get_docstring(ast.parse(file.read_text())), file


def test_no_file_names_a_package_registry_or_a_path_of_this_machine() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\0")
    forbidden = ("registry.npm" + "js.org", "files.python" + "hosted.org", "pypi." + "org/simple")
    for name in filter(None, listed):
        file = ROOT / name
        if file.is_file() and file.suffix not in (".png", ".svg"):
            text = file.read_text(encoding="utf-8", errors="ignore")
            assert not any(word in text for word in forbidden), name
