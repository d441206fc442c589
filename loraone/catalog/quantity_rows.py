"""What a row says of a number that runs yield."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Quantity:
    """A number that runs yield, with what an axis needs to say about it."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher", "none"]
    summary: str
    # How it is drawn: on a logarithm, from 0 to 1, around 0, or from 0.
    axis: Literal["linear", "log", "share", "signed", "count"] = "linear"


@dataclass(frozen=True)
class Shown:
    """How a quantity is shown where the unit that it is stored in is unhandy.

    ``size`` is how many of that unit one of this ``unit`` is; ``name`` that of the column.
    """

    name: str
    unit: str
    size: float


@dataclass(frozen=True)
class Result(Quantity):
    """What a run ends with: the last value of a metric, or a number of its summary.

    ``score`` names the function of an evaluation's outcome that gives it, where there is one; see
    :mod:`loraone.training.scores`.
    """

    score: str = ""
    # Whether it is a column of the overview, and what figures can draw methods by.
    overview: bool = False
    # Whether a table of runs shows it unless other columns are asked for.
    usual: bool = False
    # Of these the first that runs have is drawn small beside each method.
    spark: bool = False
    # Whether it is a price that is paid for a result.
    cost: bool = False
    shown: Shown | None = None

    @property
    def as_shown(self) -> Quantity:
        """The quantity in the unit, and under the name, that people see."""
        name, unit = (self.shown.name, self.shown.unit) if self.shown else (self.name, self.unit)
        return Quantity(name, self.label, unit, self.better, self.summary, self.axis)


@dataclass(frozen=True)
class SpectrumScalar(Quantity):
    """A number that sums up a spectrum."""

    # Whether the top singular values alone give it.
    of_top: bool = False
    # Whether it is shown unless another is asked for.
    usual: bool = False


@dataclass(frozen=True)
class Spectrum(Quantity):
    """A matrix of every layer whose singular values are kept.

    ``mark`` is the dash of its line where it is ``shared``, the same for all runs of an experiment
    and seed, or the symbol of its points.
    """

    mark: str = "circle"
    shared: bool = False
    # Whether it is drawn unless others are asked for.
    usual: bool = True


@dataclass(frozen=True)
class AlignmentMeasure(Quantity):
    """A number of the principal angles; ``short`` is its label where a side's name follows.

    ``sided`` ones are of the out side and of the in side apart, others of both together.
    """

    short: str = ""
    sided: bool = True


@dataclass(frozen=True)
class LayerMetric(Quantity):
    """One number per layer of a run's reports, at the init or about the update.

    ``produce`` names its function; see :mod:`loraone.measure.layer_metrics`. Metrics that are
    ``computed`` when they are read compare a run with another one. ``chance`` is the side, out
    (r/m) or in (r/n), whose random subspace says what chance gives.
    """

    produce: str = ""
    when: Literal["init", "update"] = "init"
    computed: Literal["run", "read"] = "run"
    chance: Literal["left", "right"] | None = None
    # Whether an experiment's report draws it.
    reported: bool = False
    place: int = 0
