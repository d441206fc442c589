"""The page has the names of quantities, optimizers, methods and tasks from the catalogue."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backend.results import run_table
from loraone.catalog import (
    ALIGNMENT_MEASURES,
    COSTS,
    LAYER_METRICS,
    METHODS,
    METRICS,
    OPTIMIZERS,
    SCALARS,
    SPECTRA,
    TASKS,
)

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "frontend" / "src"
GENERATED = PAGE / "api"

ROWS = (
    METRICS,
    COSTS,
    SCALARS,
    SPECTRA,
    ALIGNMENT_MEASURES,
    LAYER_METRICS,
    OPTIMIZERS,
    METHODS,
    TASKS,
)
NAMES = {name for rows in ROWS for name in rows} | {
    head.name for head in run_table.heads() if head.kind == "result"
}

# Words that mean something else where they stand, by the file that writes them.
ALLOWED = {
    # Tabs, and when a report is of: at the init, or about the update.
    "results/AlignmentTab.tsx": {"init"},
    "results/LayerColumns.tsx": {"init", "update"},
    "results/StepZeroTab.tsx": {"init"},
    "results/UpdateTab.tsx": {"update"},
    # What curves are drawn against.
    "results/CurvesTab.tsx": {"tokens"},
    "results/search.ts": {"init", "update", "tokens"},
    # A field of every run.
    "results/runs/columns.ts": {"learning_rate"},
    # A member that a type picks, and CSS.
    "results/Toolbar.tsx": {"change"},
    "ui/Plot.tsx": {"relative"},
    # Sections of a spec.
    "launch/PlanPanel.tsx": {"gradient"},
    "launch/LaunchFields.tsx": {"gradient"},
}

LITERAL = re.compile(r"""(["'`])([\w-]+)\1""")
KEY = re.compile(r"^\s*([a-z0-9]+_[a-z0-9_]+)\s*:", re.MULTILINE)


def written(source: str) -> set[str]:
    """The names of the catalogue that a source has as a text of its own, or as a key."""
    texts = {match[2] for match in LITERAL.finditer(source)}
    return (texts | set(KEY.findall(source))) & NAMES


def sources() -> list[Path]:
    """The page's own sources: what is generated and what tests it stay out."""
    files = [path for end in ("*.ts", "*.tsx") for path in PAGE.rglob(end)]
    return [path for path in files if path.parent != GENERATED and ".test." not in path.name]


def test_no_name_of_the_catalogue_is_written_by_hand_in_the_page() -> None:
    by_hand = {str(path.relative_to(PAGE)): written(path.read_text()) for path in sources()}
    left = {file: names - ALLOWED.get(file, set()) for file, names in by_hand.items()}
    assert {file: names for file, names in left.items() if names} == {}


@pytest.mark.parametrize(
    "source",
    [
        'const JUDGES = ["eval_loss"];',
        "const HELP = {\n  mean_cos2: words,\n};",
        "value ?? 'stable_rank'",
        "oneOf(value, [`riemannian-sgd`])",
    ],
)
def test_a_name_that_is_written_by_hand_is_seen(source: str) -> None:
    assert len(written(source)) == 1


def test_there_are_sources_to_look_through() -> None:
    assert len(sources()) > 50
