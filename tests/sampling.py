"""Some of what takes long to try: CI always takes the same, ``make whole`` all of it.

``LORAONE_SAMPLE_SEED`` is another choice; ``LORAONE_WHOLE=1`` is everything.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from random import Random
from typing import TypeVar

import pytest

T = TypeVar("T")

SEED = int(os.environ.get("LORAONE_SAMPLE_SEED", "20261130"))
WHOLE = os.environ.get("LORAONE_WHOLE") == "1"


def sample(of: Iterable[T], most: int) -> list[T]:
    """So many of them in their order, or all."""
    every = list(of)
    if WHOLE or len(every) <= most:
        return every
    chosen = sorted(Random(SEED).sample(range(len(every)), most))
    return [every[i] for i in chosen]


def some_tests(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """The tests that are tried of files whose mark ``tests`` says how many; those of others all."""
    files = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    kept = []
    for tests in files.values():
        mark = tests[0].get_closest_marker("tests")
        kept += tests if mark is None else sample(tests, mark.args[0])
    return kept


def some_cases(items: Iterable[pytest.Item], most: int | None = None) -> list[pytest.Item]:
    """The tests that are tried: of the cases of one function as many as its mark ``cases`` says, or
    ``most`` where it has none; all of them where nothing says how many."""
    functions = defaultdict(list)
    for item in items:
        functions[item.nodeid.partition("[")[0]].append(item)
    kept = []
    for cases in functions.values():
        mark = cases[0].get_closest_marker("cases")
        count = mark.args[0] if mark is not None else most
        kept += cases if count is None else sample(cases, count)
    return kept
