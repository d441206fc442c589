"""How far the two halves of the gradient batch agree, from the pass that takes the gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from loraone.events import Progress
from loraone.linalg.subspaces import Agreement, agreement
from loraone.linalg.svd import Decomposition, truncated_svd
from loraone.progress import Steps

# Largest sine of a half's vectors: it moves a mean cos² by its square.
TOLERANCE = 1e-2


def top_of_half(count: int, seed: int) -> Callable[[str, Tensor], Decomposition]:
    """Finds the top ``count`` triplets of a layer's gradient, as far as agreement needs them."""
    return lambda _, gradient: truncated_svd(gradient, count, seed=seed, tolerance=TOLERANCE)


class Halves:
    """Takes the top ``count`` triplets of the first half's gradient when the pass is through with
    its micro-batches, and has the second half's summed for itself from there on.

    Nothing is subtracted: where one half's gradient is small beside the other's, a difference
    would be rounding. At the end of the pass the second half's sum is added to the first's, which
    is another rounding than that of a sum over all. With ``alone`` the sums of the pass are of the
    second half then, and the whole's are not known; otherwise another sum of each layer is held.
    """

    def __init__(self, after: int, count: int, seed: int, *, alone: bool = False) -> None:
        self._after = after
        self._top = top_of_half(count, seed)
        self._alone = alone
        self._first: dict[str, Decomposition] = {}
        # What :func:`loraone.gradient.exact.collecting` adds to in the second half.
        self._second: dict[str, Tensor] = {}

    def so_far(self, done: int, sums: Mapping[str, Tensor]) -> None:
        """Called after each micro-batch, with how many are done and with the sums by then."""
        if done != self._after:
            return
        for name, total in sums.items():
            self._first[name] = self._top(name, total)
            self._second[name] = total.zero_() if self._alone else torch.zeros_like(total)

    def second(self, name: str) -> Tensor | None:
        """The second half's sum of a layer, once the first half is over."""
        return self._second.get(name)

    def add_second(self, sums: Mapping[str, Tensor]) -> None:
        """Called at the end of the pass, whose sums are of the whole batch from here on."""
        if not self._alone:
            for name, total in sums.items():
                total.add_(self._second[name])

    def agreements(self) -> Steps[dict[str, Agreement]]:
        """Of every layer, once the pass is over; the second half's sums are let go."""
        found = {}
        whole = len(self._first)
        for done, name in enumerate(list(self._second)):
            yield Progress("trust", done, whole, name)
            second = self._top(name, self._second.pop(name))
            found[name] = agreement(self._first.pop(name), second)
        return found
