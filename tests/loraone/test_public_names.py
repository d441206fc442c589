"""What a package offers by name stays what it is, in whatever order its modules are imported."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

TWICE = """
for _ in range(2):
    last = list(loraone.run(run))[-1]
    assert type(last).__name__ == "Finished", last
"""
RUN = """
run = loraone.expand(loraone.ExperimentSpec.model_validate(
    {"task": "teacher-student", "name": "names", "methods": ["lora"],
     "training": {"steps": 2, "warmup_steps": 0, "optimizer": "sgd"},
     "grid": {"ranks": [2], "learning_rates": [0.1]}}))[0]
"""
ORDERS = [
    "import loraone",
    "import loraone.runs.run, loraone",
    "import loraone; from loraone.runs import run as _; import loraone.runs",
    "from loraone import run as _; import loraone.runs.run, loraone.theory.run, loraone",
]


@pytest.mark.parametrize("order", ORDERS)
def test_run_runs_twice_whatever_was_imported_before(order: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", order + RUN + TWICE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def packages() -> list[str]:
    found = []
    for root in ("loraone", "backend"):
        spec = importlib.util.find_spec(root)
        assert spec is not None
        assert spec.submodule_search_locations is not None
        found += [root]
        for module in pkgutil.walk_packages(spec.submodule_search_locations, root + "."):
            found += [module.name] if module.ispkg else []
    return found


@pytest.mark.parametrize("package", packages())
def test_no_package_defines_what_one_of_its_modules_is_called(package: str) -> None:
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    here = Path(spec.origin).parent
    modules = {module.name for module in pkgutil.iter_modules([str(here)])}
    assert not modules & defined(spec.origin, package)


def defined(file: str, package: str) -> set[str]:
    """Names that an ``__init__`` gives to anything but its own modules."""
    names: set[str] = set()
    for node in ast.parse(Path(file).read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom) and node.module != package:
            names |= {alias.asname or alias.name for alias in node.names}
    return names
