"""A digest sees what its tensor is, also where a device computes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
import transformers
from hypothesis import given
from torch import Tensor

from loraone.inputs.models import digests
from loraone.inputs.models.digests import combined, digest, weight_digests

# What a tensor on this device is told by; the host computes it as the device would.
DEVICES = [torch.device("cpu"), torch.device("cuda")]


@pytest.fixture(params=DEVICES, ids=str)
def device(request: pytest.FixtureRequest) -> Any:
    return request.param


@given(
    size=st.integers(1, 70_000),
    bit=st.integers(0, 15),
    place=st.floats(0, 1, exclude_max=True),
    device=st.sampled_from(DEVICES),
)
def test_one_bit_anywhere_is_seen(size: int, bit: int, place: float, device: torch.device) -> None:
    tensor = torch.arange(size, dtype=torch.int16)
    before = digest(tensor, device)
    tensor[int(place * size)] ^= 1 << bit if bit < 15 else -(1 << 15)
    assert digest(tensor, device) != before


@given(
    rows=st.integers(2, 5), first=st.integers(0, 4095), second=st.integers(0, 4095),
    down=st.booleans(),
)  # fmt: skip
def test_words_that_change_places_are_seen(rows: int, first: int, second: int, down: bool) -> None:
    """Within a row their columns are others, from row to row the rows."""
    words = torch.arange(rows * 4096)
    other = rows * 4096 - 1 - second if down else second
    before = digest(words, torch.device("cuda"))
    words[first], words[other] = words[other].clone(), words[first].clone()
    assert (digest(words, torch.device("cuda")) == before) == (first == other)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int8, torch.bool])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (7, 5), (4096, 9)])
def test_every_format_and_shape_has_one(
    dtype: torch.dtype, shape: tuple[int, ...], device: torch.device
) -> None:
    tensor = torch.zeros(shape, dtype=dtype)
    assert digest(tensor, device) == digest(tensor.clone(), device)
    if tensor.numel():
        assert digest(tensor, device) != digest(torch.ones(shape, dtype=dtype), device)
        longer = torch.zeros((*shape, 2), dtype=dtype)
        assert digest(longer, device) != digest(tensor, device), "zeros are counted"


def test_a_view_is_what_it_shows(device: torch.device) -> None:
    whole = torch.arange(24.0).reshape(4, 6)
    assert digest(whole.T, device) == digest(whole.T.contiguous(), device)
    assert digest(whole[:, :3], device) == digest(whole[:, :3].clone(), device)
    assert digest(whole.T, device) != digest(whole, device)


def test_a_tied_weight_is_read_once_and_told_under_both_names(
    tiny_models: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(tiny_models["gpt2"])
    read: list[Tensor] = []
    plain = digests.digest
    monkeypatch.setattr(digests, "digest", lambda tensor: read.append(tensor) or plain(tensor))
    found = weight_digests(model)
    assert found["lm_head.weight"] == found["transformer.wte.weight"]
    assert len(read) == len(found) - 1
    assert found.keys() == model.state_dict().keys()


def test_names_are_part_of_the_whole() -> None:
    assert combined({"a": "1", "b": "2"}) == combined({"b": "2", "a": "1"})
    assert combined({"a": "1", "b": "2"}) != combined({"a": "2", "b": "1"})
    assert combined({"a": "1"}) != combined({"b": "1"})
