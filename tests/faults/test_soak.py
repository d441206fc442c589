"""Two thousand short runs through one server: it does not grow, and it does not slow down."""

from __future__ import annotations

from benchmarks import soak


def test_two_thousand_runs_leave_the_server_as_small_and_as_fast_as_it_was() -> None:
    found = soak.main(2000)
    assert found["server_mb_grown"] < 50, found
    assert found["ratio"] <= 1.5, found
