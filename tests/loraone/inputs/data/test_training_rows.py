"""The rows that a run trains on, from the beginning or from somewhere in the middle."""

from __future__ import annotations

from itertools import islice

import pytest

from loraone.inputs.data.batches import training_rows


@pytest.mark.parametrize(("count", "size"), [(10, 3), (8, 4), (5, 5), (3, 7), (1, 1)])
def test_whoever_goes_on_is_given_the_rows_that_come_next(count: int, size: int) -> None:
    whole = list(islice(training_rows(count, size, seed=1), 20))
    for first in range(12):
        rest = list(islice(training_rows(count, size, 1, first), 20 - first))
        assert rest == whole[first:]
