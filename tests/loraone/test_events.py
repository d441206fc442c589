"""Events survive JSON without loss."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loraone.events import KINDS, Alignment, Finished, Layers, Spectra, from_json, to_json

FLOATS = arrays.arrays(
    np.float32, arrays.array_shapes(max_dims=2, max_side=5), elements=st.floats(width=32)
)


@given(values=FLOATS)
def test_arrays_come_back_bit_for_bit_with_nan_and_infinity(values: np.ndarray) -> None:
    event = Alignment(3, values, values, values)
    back = from_json(json.loads(json.dumps(to_json(event))))
    assert isinstance(back, Alignment)
    for f in fields(event):
        np.testing.assert_array_equal(getattr(back, f.name), getattr(event, f.name))


def test_tuples_and_dictionaries_come_back_as_they_were() -> None:
    layers = Layers(("a.0.q", "a.0.k"), (4, 5), (6, 7))
    assert from_json(json.loads(json.dumps(to_json(layers)))) == layers
    finished = Finished({"eval_loss": 1.5, "gamma": None})
    assert from_json(json.loads(json.dumps(to_json(finished)))) == finished


def test_spectra_keep_their_scalars() -> None:
    event = Spectra("a.0.q", "init", np.array([2, 1], np.float32), {"sigma1": 2.0, "gap": None})
    back = from_json(json.loads(json.dumps(to_json(event))))
    assert isinstance(back, Spectra)
    assert back.scalars == event.scalars


def test_an_unknown_version_or_kind_is_refused_by_name() -> None:
    good = to_json(Finished({}))
    with pytest.raises(ValueError, match="version 99"):
        from_json({**good, "version": 99})
    with pytest.raises(ValueError, match="'surprise'"):
        from_json({**good, "kind": "surprise"})
    assert set(KINDS) >= {"started", "progress", "finished", "failed"}
