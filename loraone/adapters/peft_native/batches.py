"""Batches as users of PEFT have them, and how many labels the loss of each is the mean over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from loraone.errors import DataError, LoraOneError
from loraone.gradient.passes import loss_of
from loraone.inputs.data.batches import IGNORED

_ONE_BATCH = "give one batch, whose loss needs no weight"


def prepared(dataloader: Iterable[Any], device: torch.device) -> list[dict[str, Any]]:
    """All batches on the device; lists of numbers become tensors. Raises DataError for no batch.

    ``num_items_in_batch``, with which a trainer divides its losses, is left out: batches are
    weighted by their labels here.
    """
    if isinstance(dataloader, Mapping):
        raise DataError(
            "the dataloader is one batch",
            field="dataloader",
            value=type(dataloader).__name__,
            allowed="batches one after another",
            hint="put it into a list: [batch]",
        )
    batches = []
    for number, batch in enumerate(dataloader, 1):
        if not isinstance(batch, Mapping):
            raise DataError(
                f"batch {number} of the dataloader is a {type(batch).__name__}",
                field="dataloader",
                value=type(batch).__name__,
                allowed="dictionaries with the names of the model's arguments",
            )
        batches.append(
            {
                str(key): _placed(value, device)
                for key, value in batch.items()
                if key != "num_items_in_batch"
            }
        )
    if not batches:
        raise DataError(
            "the dataloader gave no batch", field="dataloader", value=0, allowed="1 batch or more"
        )
    return batches


def _placed(value: Any, device: torch.device) -> Any:
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, np.ndarray):
        return torch.as_tensor(value, device=device)
    if isinstance(value, Mapping):
        return {key: _placed(each, device) for key, each in value.items()}
    if isinstance(value, list | tuple):
        if _numbers(value):
            try:
                return torch.tensor(value, device=device)
            except (ValueError, TypeError):
                return value  # rows of several lengths
        placed = [_placed(each, device) for each in value]
        return placed if isinstance(value, list) else tuple(placed)
    return value


def _numbers(value: Any) -> bool:
    """Whether lists within lists hold numbers in the end, and nothing else."""
    if isinstance(value, list | tuple):
        return bool(value) and all(_numbers(each) for each in value)
    return isinstance(value, int | float)


def loss_labels(model: nn.Module, batches: Sequence[Mapping[str, Any]]) -> list[int]:
    """How many labels each batch's mean loss is the mean over; one batch alone counts as 1.

    Classes count one each, numbers as many as there are, tokens where their label is not -100. A
    causal model shifts labels, others do not: which it is, is seen from the model's losses with
    some of the labels left out, and so is whether its loss is a mean over labels at all.
    Raises DataError where it is not: the batches' losses could not be put together then.
    """
    tensors = [batch.get("labels") for batch in batches]
    if all(isinstance(each, Tensor) and not _count(each, 0) for each in tensors):
        return [0] * len(batches)
    if len(batches) == 1:
        return [1]
    if all("start_positions" in batch and "end_positions" in batch for batch in batches):
        return [_spans(batch) for batch in batches]
    dims = {_dims(batch) for batch in batches}
    others = {key for batch in batches for key in batch if "label" in key and key != "labels"}
    if others or dims not in ({1}, {2}):
        keys = ", ".join(sorted({key for batch in batches for key in batch}))
        raise DataError(
            f"batches of {keys} cannot be weighted: labels, one a text or one a token, say what a "
            "loss is the mean over",
            field="labels",
            value=None,
            allowed="labels of 1 or 2 dimensions, or start_positions and end_positions",
            hint=_ONE_BATCH,
        )
    shift = _shift(model, batches)
    return [_count(batch["labels"], shift) for batch in batches]


def _dims(batch: Mapping[str, Any]) -> int | None:
    labels = batch.get("labels")
    return labels.dim() if isinstance(labels, Tensor) else None


def _count(labels: Tensor, shift: int) -> int:
    if labels.is_floating_point():
        return labels.numel()
    return int((labels[..., shift:] != IGNORED).sum())


def _spans(batch: Mapping[str, Any]) -> int:
    """Texts of a question-answering batch, all of whose answers lie within them."""
    length = batch["input_ids"].shape[1] if "input_ids" in batch else None
    for key in ("start_positions", "end_positions"):
        outside = length is not None and bool((batch[key] >= length).any())
        if outside:
            raise DataError(
                f"some {key} lie outside of their text, where models leave them out",
                field=key,
                value=int(batch[key].max()),
                allowed=f"below {length}",
                hint=_ONE_BATCH,
            )
    return len(batch["start_positions"])


def _shift(model: nn.Module, batches: Sequence[Mapping[str, Any]]) -> int:
    """By how many tokens the model shifts its labels: 1 if it is causal, else 0."""
    labels = [batch["labels"] for batch in batches]
    if labels[0].dim() == 1 or labels[0].is_floating_point() or labels[0].shape[1] == 1:
        return 0
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return 0  # it writes all of them, from the token before each, which is a label too
    with_first = [i for i, each in enumerate(labels) if (each[:, 0] != IGNORED).any()]
    # The batch of the most labels tells most; where no first token has a label, both are the same.
    index = max(with_first or range(len(labels)), key=lambda i: int((labels[i] != IGNORED).sum()))
    probe = _Probe(model, batches[index])
    for shift in (1, 0):
        if probe.averages(shift):
            return shift
    raise DataError(
        f"the loss of {type(model).__name__} is not a mean over those of its labels that are not "
        "-100, so several batches cannot be put together",
        field="labels",
        value=None,
        allowed="a loss that is a mean over labels",
        hint=_ONE_BATCH,
    )


class _Probe:
    """The model's losses on one batch with some of its labels left out."""

    @torch.no_grad()
    def __init__(self, model: nn.Module, batch: Mapping[str, Any]) -> None:
        self._model = model
        self._batch = batch
        self._labels: Tensor = batch["labels"]
        whole = loss_of(model, batch, own=True)
        self._whole = float(whole)
        self._tolerance = 1e-4 if whole.dtype in (torch.float32, torch.float64) else 2e-2
        self._empty = self._loss(torch.full_like(self._labels, IGNORED))

    def averages(self, shift: int) -> bool:
        """Whether the loss is the mean over the labels from token ``shift`` on.

        The mean over all labels is that over two parts of them, weighted by their numbers: once
        with the first tokens apart, once with a slanting cut, which tells means over tokens from
        means over rows.
        """
        rows, width = self._labels.shape
        tokens = torch.arange(width, device=self._labels.device).expand(rows, width)
        ends = width * torch.arange(1, rows + 1, device=self._labels.device) // (rows + 1)
        return all(self._adds_up(part, shift) for part in (tokens < 1, tokens < ends[:, None]))

    def _adds_up(self, part: Tensor, shift: int) -> bool:
        total, labels = 0.0, 0
        for kept in (part, ~part):
            given = self._labels.masked_fill(~kept, IGNORED)
            count, loss = _count(given, shift), self._loss(given)
            if (count == 0) != (loss is None):
                return False
            total += count * (loss or 0.0)
            labels += count
        return abs(total - labels * self._whole) <= self._tolerance * labels * abs(self._whole)

    @torch.no_grad()
    def _loss(self, labels: Tensor) -> float | None:
        """The loss with these labels; None where none of them counts."""
        try:
            loss = float(loss_of(self._model, {**self._batch, "labels": labels}, own=True))
        except (LoraOneError, IndexError, RuntimeError):
            return None
        return None if loss == getattr(self, "_empty", None) else loss
