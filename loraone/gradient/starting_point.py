"""Where all runs of one start begin: rows, head, the one-step gradient, its triplets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from loraone.gradient.strategy import GradientStrategy
from loraone.gradient.triplets import TopTriplets
from loraone.linalg.packed import Packed, joined, part
from loraone.linalg.spectra import Spectrum
from loraone.linalg.subspaces import Agreement
from loraone.linalg.svd import Decomposition
from loraone.progress import Steps


@dataclass
class StartingPoint:
    """What is common to the runs; ``gradients`` is empty where the strategy does not hold them.

    ``heads`` are the states of the new head's modules, ``weights_hash`` is that of the whole model
    with them. ``spectra`` are all singular values of the gradient, by layer, where all were
    computed. ``decompositions``, ``estimates`` of spectra from them, and ``agreements`` (of split
    halves) are by the number of triplets. ``loss`` is that of the gradient batch where the pass
    that took the gradient knows it: in eval mode, with all gradients held. ``halves`` are
    agreements yet to be computed, of what the passes of the gradient left.
    """

    strategy: GradientStrategy
    heads: dict[str, dict[str, Tensor]]
    weights_hash: str
    gradient_rows: list[int]
    held_out_rows: list[int]
    loss: float | None = None
    gradients: dict[str, Tensor] = field(default_factory=dict)
    halves: dict[int, Steps[dict[str, Agreement]]] = field(default_factory=dict)
    spectra: dict[str, Spectrum] = field(default_factory=dict)
    decompositions: dict[int, dict[str, Decomposition]] = field(default_factory=dict)
    estimates: dict[int, dict[str, Spectrum]] = field(default_factory=dict)
    agreements: dict[int, dict[str, Agreement]] = field(default_factory=dict)

    def gradient_spectrum(self, name: str, count: int) -> Spectrum | None:
        """The gradient's singular values of one layer: all, or from the top ``count`` an estimate;
        None where nothing was seen but these, as with a sketch.

        Whoever asked for more triplets before does not change the answer.
        """
        return self.spectra.get(name) or self.estimates.get(count, {}).get(name)

    def keep(self, count: int, top: TopTriplets) -> None:
        """From here on the top ``count`` triplets are known."""
        self.decompositions[count] = top.layers
        estimates = self.estimates.setdefault(count, {})
        for name, spectrum in top.spectra.items():
            (self.spectra if spectrum.is_whole else estimates).setdefault(name, spectrum)

    def take_over(self, other: StartingPoint) -> None:
        """From here on what is known of the same start elsewhere is known, too."""
        for count, top in other.decompositions.items():
            self.decompositions.setdefault(count, top)
            self.estimates.setdefault(count, other.estimates.get(count, {}))
        for name, spectrum in other.spectra.items():
            self.spectra.setdefault(name, spectrum)
        for count, agreements in other.agreements.items():
            self.agreements.setdefault(count, agreements)

    def packed(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """What is known before any decomposition, as tensors by name and JSON-able data."""
        tensors = {
            f"head/{name}/{key}": tensor
            for name, state in self.heads.items()
            for key, tensor in state.items()
        }
        tensors |= {f"gradient/{name}": tensor for name, tensor in self.gradients.items()}
        beside = {
            "strategy": self.strategy.as_dict(),
            "weights_hash": self.weights_hash,
            "gradient_rows": self.gradient_rows,
            "held_out_rows": self.held_out_rows,
            "loss": self.loss,
        }
        return tensors, beside

    @classmethod
    def unpacked(cls, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]) -> StartingPoint:
        """What :meth:`packed` gave, bit for bit."""
        rest = {**beside, "strategy": GradientStrategy(**beside["strategy"])}
        start = cls(heads={}, **rest)
        for path, tensor in tensors.items():
            kind, _, name = path.partition("/")
            if kind == "gradient":
                start.gradients[name] = tensor
            else:
                module, _, key = name.partition("/")
                start.heads.setdefault(module, {})[key] = tensor
        return start

    def packed_whole(self, count: int) -> Packed:
        """All that is known, with the top ``count`` triplets and how far halves agree on them."""
        top = TopTriplets(self.decompositions[count], self.spectra | self.estimates.get(count, {}))
        agreements = pack_agreements(self.agreements.get(count, {}))
        return joined(start=self.packed(), top=top.packed(), agreements=agreements)

    @classmethod
    def unpacked_whole(cls, packed: Packed, count: int) -> StartingPoint:
        """What :meth:`packed_whole` gave, bit for bit."""
        start = cls.unpacked(*part("start", packed))
        start.keep(count, TopTriplets.unpacked(*part("top", packed)))
        agreements = unpack_agreements(*part("agreements", packed))
        if agreements:
            start.agreements[count] = agreements
        return start


def pack_agreements(agreements: Mapping[str, Agreement]) -> Packed:
    """Agreements by layer, as JSON-able data."""
    return {}, {name: [both.left, both.right] for name, both in agreements.items()}


def unpack_agreements(_: Mapping[str, Tensor], beside: Any) -> dict[str, Agreement]:
    """What :func:`pack_agreements` gave."""
    return {name: Agreement(*both) for name, both in beside.items()}
