"""Every method in every number format on every architecture: to the end, or refused at once.

A sample of the 216 runs, with every method in every format, unless LORAONE_WHOLE asks for all.
"""

from __future__ import annotations

import random
from itertools import product
from pathlib import Path

import pytest

from loraone.catalog import METHODS
from loraone.events import Artifact, Failed, Finished, Metric, Note
from loraone.runs.run import run
from loraone.runs.workspace import Workspace
from tests.conftest import tiny_run
from tests.loraone.methods.tiny import ARCHITECTURES
from tests.sampling import WHOLE

DTYPES = ["float32", "bfloat16", "float16"]
MORE = 10
Case = tuple[str, str, str]
# The one that is warm: cases come sorted by what it holds.
WARM: dict[tuple[str, str], Workspace] = {}


def cases(everything: bool) -> list[Case]:
    """(architecture, format, method), sorted."""
    all_of_them = sorted(product(ARCHITECTURES, DTYPES, METHODS))
    if everything:
        return all_of_them
    draw = random.Random(13)
    sample = {(draw.choice(ARCHITECTURES), dtype, name) for dtype, name in product(DTYPES, METHODS)}
    rest = [case for case in all_of_them if case not in sample]
    return sorted(sample | set(draw.sample(rest, MORE)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = cases(WHOLE)
    if "architecture" in metafunc.fixturenames:
        metafunc.parametrize(("architecture", "dtype", "method"), chosen)


def test_a_run_comes_to_its_end_with_a_verified_adapter_or_is_refused_before_it_begins(
    tiny_models: dict[str, Path],
    texts_csv: Path,
    tmp_path: Path,
    architecture: str,
    dtype: str,
    method: str,
) -> None:
    model = {"id": str(tiny_models[architecture]), "dtype": dtype}
    spec = tiny_run(tiny_models[architecture], texts_csv, method, model=model)
    if (architecture, dtype) not in WARM:
        WARM.clear()
        WARM[architecture, dtype] = Workspace("cpu")
    events = list(run(spec, workspace=WARM[architecture, dtype], output=tmp_path))
    steps = [e.step for e in events if isinstance(e, Metric)]
    if isinstance(events[-1], Failed):
        assert events[-1].code in ("invalid-spec", "model-not-usable"), events[-1]
        assert steps == [], "a run may not die half-way"
        assert architecture == "gpt2" and not METHODS[method].conv1d
        return
    assert isinstance(events[-1], Finished)
    assert steps == [0, 1, 2, 3, 4]
    assert [e.message for e in events if isinstance(e, Note) and e.warning] == []
    (artifact,) = (e for e in events if isinstance(e, Artifact) and e.name == "adapter")
    assert artifact.verified
    assert artifact.max_error <= (events[-1].summary["export_allowed"] or 0)


def test_the_sample_has_every_method_in_every_format_and_every_architecture() -> None:
    sample = cases(everything=False)
    assert len(sample) >= 60
    assert {(dtype, name) for _, dtype, name in sample} == set(product(DTYPES, METHODS))
    assert {(arch, dtype) for arch, dtype, _ in sample} == set(product(ARCHITECTURES, DTYPES))
