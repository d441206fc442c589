"""A tracker that cannot be told is named, with what is allowed."""

from __future__ import annotations

import pytest

from loraone.catalog import TRACKERS
from loraone.errors import SpecError
from loraone.tracking.refusals import check, refusals


def test_each_name_is_refused_where_it_stands() -> None:
    missing = next(name for name, row in TRACKERS.items() if not row.installed)
    first, second = refusals(["tensorboard", missing, "mlflaw"])
    assert (first.field, first.value) == ("report_to.1", missing)
    assert first.allowed is not None
    assert "tensorboard" in first.allowed
    assert missing not in first.allowed
    assert first.hint == f"pip install {missing}"
    assert (second.field, second.value) == ("report_to.2", "mlflaw")
    assert "no tracker is called 'mlflaw'" in second.message


def test_the_first_is_raised() -> None:
    check(["tensorboard"])
    with pytest.raises(SpecError, match="comet_ml"):
        check(["comet_ml"])
