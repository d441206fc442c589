"""Events survive JSON without loss."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, get_type_hints

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from loraone.events import (
    KINDS,
    Alignment,
    Finished,
    Float32Array,
    Layers,
    Spectra,
    Started,
    from_json,
    to_json,
)

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


NUMBERS = st.integers(-(2**60), 2**60) | st.floats()
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def values_of(hint: Any, name: str) -> st.SearchStrategy[Any]:
    """What a field of this type may hold."""
    if name == "environment":
        return st.dictionaries(st.text(), JSON, max_size=3)
    known: dict[Any, st.SearchStrategy[Any]] = {
        int: st.integers(-(2**60), 2**60),
        float: st.floats(),
        bool: st.booleans(),
        int | None: st.none() | st.integers(0, 2**40),
        float | None: st.none() | st.floats(),
        str: st.text(),
        str | None: st.none() | st.text(),
        Float32Array: FLOATS,
        tuple[str, ...]: st.lists(st.text(), max_size=3).map(tuple),
        tuple[int, ...]: st.lists(st.integers(-9, 9), max_size=3).map(tuple),
        dict[str, int | float]: st.dictionaries(st.text(), NUMBERS, max_size=3),
        dict[str, int | float | None]: st.dictionaries(st.text(), NUMBERS | st.none(), max_size=3),
        dict[str, Float32Array]: st.dictionaries(st.text(), FLOATS, max_size=2),
    }
    return known[hint]


def events_of(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{f.name: values_of(hints[f.name], f.name) for f in fields(cls)})


def same(left: Any, right: Any) -> bool:
    """Equal with equal types throughout; not a number equals itself."""
    if type(left) is not type(right):
        return False
    if isinstance(left, np.ndarray):
        both = (left.shape, left.dtype) == (right.shape, right.dtype)
        return both and left.tobytes() == right.tobytes()
    if isinstance(left, dict):
        return list(left) == list(right) and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right or (left != left and right != right))


@pytest.mark.parametrize("cls", KINDS.values(), ids=list(KINDS))
@given(data=st.data())
def test_every_event_comes_back_with_equal_values_of_equal_types(
    cls: type[Any], data: st.DataObject
) -> None:
    event = data.draw(events_of(cls))
    back = from_json(json.loads(json.dumps(to_json(event))))
    assert type(back) is cls
    for f in fields(event):
        assert same(getattr(back, f.name), getattr(event, f.name)), f.name


def test_events_of_the_first_release_are_read() -> None:
    """As a file of that time holds them; what was a list there is one again."""
    labels = {"version": 1, "kind": "started", "environment": {"labels": ["a", "b"], "threads": 2}}
    assert from_json(labels) == Started({"labels": ["a", "b"], "threads": 2})
    packed = {"dtype": "<f4", "shape": [2], "data": "AAAAQAAAgD8="}
    back = from_json(
        {"version": 1, "kind": "spectra", "layer": "q", "quantity": "init", "values": packed,
         "scalars": {"sigma1": 2.0, "gap": None}}
    )  # fmt: skip
    assert isinstance(back, Spectra)
    np.testing.assert_array_equal(back.values, np.array([2, 1], np.float32))
    assert to_json(back)["values"] == packed


def test_an_event_with_a_field_missing_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="phase"):
        from_json({"version": 1, "kind": "progress", "done": 1, "total": 2})


def test_an_unknown_version_or_kind_is_refused_by_name() -> None:
    good = to_json(Finished({}))
    with pytest.raises(ValueError, match="version 99"):
        from_json({**good, "version": 99})
    with pytest.raises(ValueError, match="'surprise'"):
        from_json({**good, "kind": "surprise"})
    assert set(KINDS) >= {"started", "progress", "finished", "failed"}
