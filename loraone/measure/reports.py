"""What is said of every layer at the initialisation and about the update: all rows, in one place.

See :mod:`loraone.measure.layer_metrics` for the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from loraone.catalog import LAYER_METRICS, resolve
from loraone.events import Event, Float32Array, Progress, UpdateReport
from loraone.measure import alignment, spectra
from loraone.measure.model import MeasuredLayer, MeasuredModel


class Columns:
    """A value per layer for every metric of one report, as the layers come."""

    def __init__(self, when: Literal["init", "update"]) -> None:
        rows = [row for row in LAYER_METRICS.values() if row.when == when and row.computed == "run"]
        self._producers = {row.name: resolve(row.produce) for row in rows}
        self._values: dict[str, list[float | None]] = {row.name: [] for row in rows}

    def add(self, layer: MeasuredLayer) -> None:
        """Measure one more layer."""
        for name, produce in self._producers.items():
            self._values[name].append(produce(layer))

    def arrays(self) -> dict[str, Float32Array]:
        """The columns by name; those that no layer has a number for are left out."""
        return {
            name: np.array([np.nan if value is None else value for value in values], np.float32)
            for name, values in self._values.items()
            if any(value is not None for value in values)
        }


def init_columns(model: MeasuredModel) -> dict[str, Float32Array]:
    """The metrics of the init's report, a value per layer."""
    columns = Columns("init")
    for layer in model.measured():
        columns.add(layer)
    return columns.arrays()


def update_events(model: MeasuredModel, step: int) -> Iterator[Event]:
    """What training did to every layer: spectra of update and change, overlaps, the report."""
    columns = Columns("update")
    for done, layer in enumerate(model.measured()):
        yield Progress("measure", done, len(model.layers), layer.name)
        for quantity, moved in (("update", layer.update), ("change", layer.change)):
            yield spectra.spectra(layer.name, quantity, moved.singular_values(), model.rank)
        columns.add(layer)
    yield alignment.overlaps(step, model.trainable, model.layers, model.decompositions, model.rank)
    yield UpdateReport(columns.arrays())
