"""The top singular triplets of all layers' gradients, as they are kept and shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from loraone.linalg.spectra import Spectrum
from loraone.linalg.svd import Decomposition


@dataclass(frozen=True)
class TopTriplets:
    """Triplets by layer in model order; ``spectra`` where more than their values was seen."""

    layers: dict[str, Decomposition]
    spectra: dict[str, Spectrum]

    def packed(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As tensors by name and JSON-able data."""
        tensors = {
            f"{part}/{name}": getattr(top, part)
            for name, top in self.layers.items()
            for part in "USV"
        }
        for name, spectrum in self.spectra.items():
            tensors[f"spectrum/{name}"] = spectrum.values
            if not spectrum.is_whole:
                tensors[f"without/{name}"] = spectrum.without
        scalars = {
            name: [d.frobenius, d.error, d.gap, d.residuals] for name, d in self.layers.items()
        }
        return tensors, scalars

    @classmethod
    def unpacked(cls, tensors: Mapping[str, Tensor], beside: Mapping[str, Any]) -> TopTriplets:
        """What :meth:`packed` gave, bit for bit."""
        layers = {
            name: Decomposition(
                tensors[f"U/{name}"], tensors[f"S/{name}"], tensors[f"V/{name}"], *scalars
            )
            for name, scalars in beside.items()
        }
        spectra = {}
        for name, top in layers.items():
            values, without = tensors.get(f"spectrum/{name}"), tensors.get(f"without/{name}")
            if values is not None and without is not None:
                spectra[name] = Spectrum(values, len(top.S), without)
            elif values is not None:
                spectra[name] = Spectrum.whole(values)
        return cls(layers, spectra)
