"""Whether tensors that are kept for the next run are still what they were when they were kept."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


class KeptTensors:
    """Remembers tensors by name, and how often each has been written to: torch counts that, also
    through views. A method or a metric is given the tensors themselves, for copies of all weights
    and gradients would take as much memory again."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Tensor, int]] = {}

    def remember(self, tensors: Mapping[str, Tensor]) -> None:
        """From here on these are to stay what they are; what is known is known as it was."""
        for name, tensor in tensors.items():
            self._known.setdefault(name, (tensor, tensor._version))

    def changed(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """The names of those that were written to, taken away, or replaced since."""
        return [
            name
            for name, (tensor, version) in self._known.items()
            if tensors.get(name) is not tensor or tensor._version != version
        ]
