"""Numbers of every layer, at the initialisation and about the update."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from loraone.adapters.interfaces import Layer, Measurable
from loraone.events import Float32Array, UpdateReport
from loraone.linalg.subspaces import agreement
from loraone.linalg.svd import Decomposition


def init_columns(
    trainable: Measurable, layers: Sequence[Layer], pretrained: Mapping[str, Tensor]
) -> dict[str, Float32Array]:
    """Per layer ‖s·BA‖₂, ‖s·BA‖_F/‖W‖_F and ‖W_base − W₀‖_F/‖W₀‖_F at step 0."""
    columns: dict[str, list[float]] = {"norm": [], "relative": [], "base_change": []}
    for layer in layers:
        before = pretrained[layer.name]
        size = float(torch.linalg.norm(before))
        initial = trainable.initial(layer.name)
        values = initial.singular_values() if initial is not None else torch.zeros(1)
        columns["norm"].append(float(values[0]))
        columns["relative"].append(float(torch.linalg.norm(values)) / size)
        moved = torch.linalg.norm(layer.weight.cpu().to(before) - before)
        columns["base_change"].append(float(moved) / size)
    return {name: np.array(values, np.float32) for name, values in columns.items()}


def decomposition_columns(found: Mapping[str, Decomposition]) -> dict[str, Float32Array]:
    """Per layer the error estimate of G's SVD, and the gap σ_{r+1}/σ_r (NaN: there is none)."""
    gaps = [one.gap if one.gap is not None else np.nan for one in found.values()]
    errors = [one.error for one in found.values()]
    return {"svd_error": np.array(errors, np.float32), "gap": np.array(gaps, np.float32)}


def update_report(
    trainable: Measurable,
    layers: Sequence[Layer],
    gradients: Mapping[str, Tensor],
    decompositions: Mapping[str, Decomposition],
    r: int,
) -> UpdateReport:
    """Per layer, how what training added lies to −G.

    ``update_left`` and ``update_right`` are the mean cos² between the top-r subspaces of the update
    ΔW and of G; ``update_cosine`` is ⟨ΔW, −G⟩ / (‖ΔW‖_F ‖G‖_F), NaN where G was not kept.
    """
    columns: dict[str, list[float]] = {"update_left": [], "update_right": [], "update_cosine": []}
    for layer in layers:
        update = trainable.update(layer.name)
        top = update.top(r)
        found = agreement(top, decompositions[layer.name])
        columns["update_left"].append(found.left)
        columns["update_right"].append(found.right)
        cosine = float("nan")
        if layer.name in gradients:
            gradient = gradients[layer.name]
            sizes = top.frobenius * float(gradient.norm())
            cosine = -update.inner(gradient) / sizes if sizes > 0 else float("nan")
        columns["update_cosine"].append(cosine)
    return UpdateReport({name: np.array(v, np.float32) for name, v in columns.items()})
