"""The top singular triplets of all layers' gradients, as they are kept and shared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from loraone.linalg.svd import Decomposition


@dataclass(frozen=True)
class TopTriplets:
    """Triplets by layer in model order; ``spectra`` are whole: there where all values were seen."""

    layers: dict[str, Decomposition]
    spectra: dict[str, Tensor]

    def packed(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """As tensors by name and JSON-able data."""
        tensors = {
            f"{part}/{name}": getattr(top, part)
            for name, top in self.layers.items()
            for part in "USV"
        }
        tensors |= {f"spectrum/{name}": values for name, values in self.spectra.items()}
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
        mark = "spectrum/"
        spectra = {
            path.removeprefix(mark): values
            for path, values in tensors.items()
            if path.startswith(mark)
        }
        return cls(layers, spectra)
