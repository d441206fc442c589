"""Two thousand short runs through one server: it does not grow, and it does not slow down."""

from __future__ import annotations

from benchmarks import soak
from tests.sampling import WHOLE


def test_thousands_of_runs_leave_the_server_as_small_and_as_fast_as_it_was() -> None:
    found = soak.main(2000 if WHOLE else 500)
    assert found["server_mb_grown"] < 50, found
    assert found["ratio"] <= 1.5, found
