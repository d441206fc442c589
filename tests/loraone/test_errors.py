"""Errors of this package, as callers catch them."""

from __future__ import annotations

import pytest

from loraone.errors import (
    DataError,
    ExportError,
    LoraOneError,
    ModelError,
    SpecError,
    TrainingError,
)
from loraone.gradient.layerwise import CalledAgainError


@pytest.mark.parametrize("kind", [SpecError, ModelError, DataError, CalledAgainError])
def test_what_was_given_wrongly_is_a_value_error_too(kind: type[LoraOneError]) -> None:
    with pytest.raises(ValueError, match="too large") as caught:
        raise kind("too large", field="rank", value=9, allowed="1 to 8", hint="lower it")
    assert isinstance(caught.value, LoraOneError)
    assert caught.value.as_dict() == {
        "code": kind.code,
        "message": "too large",
        "field": "rank",
        "value": "9",
        "allowed": "1 to 8",
        "hint": "lower it",
    }


@pytest.mark.parametrize("kind", [TrainingError, ExportError])
def test_what_went_wrong_on_the_way_is_none(kind: type[LoraOneError]) -> None:
    assert not issubclass(kind, ValueError)
