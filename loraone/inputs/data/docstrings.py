"""``builtin:stdlib-docstrings``: real text that every Python has.

The docstrings of the standard library's functions, classes and modules, read with ``ast`` (nothing
is imported or run), labelled by top-level package. Which packages there are depends on the Python
version, so the fingerprint of what was read is part of every run's record.
"""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from loraone.errors import DataError
from loraone.inputs.data.rows import Rows
from loraone.spec.data import DataSpec

MIN_WORDS = 4
MIN_PER_PACKAGE = 100
MAX_PACKAGES = 12
# Site packages are not the standard library; the test suites and idlelib are about other packages.
_SKIP = {"site-packages", "test", "tests", "idle_test", "idlelib", "lib2to3", "__pycache__"}
_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def load(spec: DataSpec, labelled: bool) -> Rows:
    """All docstrings of the (up to twelve) packages that have at least a hundred."""
    texts, labels = _collect()
    if not texts:
        raise DataError(
            "this Python has no standard library source to read docstrings from",
            field="data.source",
            value=spec.source,
            hint="name a CSV, JSON or Parquet file instead",
        )
    return Rows(texts, labels if labelled else None, declared=True)


@lru_cache(maxsize=1)
def _collect() -> tuple[tuple[str, ...], tuple[str, ...]]:
    root = Path(sysconfig.get_paths()["stdlib"])
    by_package: dict[str, list[str]] = {}
    seen: set[str] = set()
    for folder in sorted(p for p in root.iterdir() if (p / "__init__.py").is_file()):
        if folder.name in _SKIP or folder.name.startswith("_"):
            continue
        texts = []
        for file in sorted(folder.rglob("*.py")):
            if _SKIP & set(file.relative_to(root).parts):
                continue
            for text in _docstrings(file):
                if text not in seen:
                    seen.add(text)
                    texts.append(text)
        if len(texts) >= MIN_PER_PACKAGE:
            by_package[folder.name] = texts
    by_size = sorted(by_package, key=lambda name: (-len(by_package[name]), name))
    largest = sorted(by_size[:MAX_PACKAGES])
    return (
        tuple(text for name in largest for text in by_package[name]),
        tuple(name for name in largest for _ in by_package[name]),
    )


def _docstrings(file: Path) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError, OSError):
        return  # a deliberately broken file of the library, or one we may not read
    for node in ast.walk(tree):
        if isinstance(node, _WITH_DOCSTRING):
            text = " ".join((ast.get_docstring(node) or "").split())
            if len(text.split()) >= MIN_WORDS:
                yield text
