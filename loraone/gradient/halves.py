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
    its micro-batches, and lets the second half's be summed for itself from there on.

    Nothing is subtracted: where one half's gradient is small beside the other's, a difference
    would be rounding. With ``alone`` the sums of the pass are of the second half then, and the
    whole's are not known; otherwise another sum of each layer is held.
    """

    def __init__(self, after: int, count: int, seed: int, *, alone: bool = False) -> None:
        self._after = after
        self._top = top_of_half(count, seed)
        self._alone = alone
        self._first: dict[str, Decomposition] = {}
        # What :func:`loraone.gradient.exact.collecting` adds to as well.
        self._second: dict[str, Tensor] = {}

    def so_far(self, done: int, sums: Mapping[str, Tensor]) -> None:
        """Called after each micro-batch, with how many are done and with the sums by then."""
        if done != self._after:
            return
        for name, total in sums.items():
            self._first[name] = self._top(name, total)
            if self._alone:
                self._second[name] = total.zero_()
            else:
                self._second[name] = torch.zeros_like(total)

    def adds_to(self, name: str) -> Tensor | None:
        """The second half's own sum of a layer, where it is another than that of the pass."""
        return None if self._alone else self._second.get(name)

    def agreements(self) -> Steps[dict[str, Agreement]]:
        """Of every layer, once the pass is over; the second half's sums are let go."""
        found = {}
        whole = len(self._first)
        for done, name in enumerate(list(self._second)):
            yield Progress("trust", done, whole, name)
            second = self._top(name, self._second.pop(name))
            found[name] = agreement(self._first.pop(name), second)
        return found
