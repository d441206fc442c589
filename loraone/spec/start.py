"""All that what runs share can depend on: of the model and data, and of the one-step gradient.

Whoever loads, draws or computes something that is kept for other runs is given one of these, and
never a run's whole spec. So what can be read is in the key, and what is not in the key cannot be
read: there is no list of fields beside the code. The fields are those of a
:class:`~loraone.spec.experiment.RunSpec`, under the same paths.
"""

from __future__ import annotations

import hashlib
import json
from typing import Annotated

from pydantic import Field

from loraone.spec.base import Seed, Spec, Word
from loraone.spec.data import DataSpec
from loraone.spec.gradient import GradientSpec
from loraone.spec.measure import SpectraKnown
from loraone.spec.model import ModelSpec
from loraone.spec.synthetic import ProblemSpec


class SharedSpec(Spec):
    """Part of a run's spec that has a key of its own."""

    @property
    def key(self) -> str:
        """Equal where every field is; 32 hexadecimal digits."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class InputsSpec(SharedSpec):
    """What a loaded model and its encoded texts depend on."""

    task: Word
    model: ModelSpec
    data: DataSpec


class HeadTraining(Spec):
    """What the head's warm-up reads of the training; None where there is no warm-up."""

    batch_size: Annotated[int, Field(ge=1, le=4096)] | None


class StartMeasurements(Spec):
    """What the rows of the start, and what is looked at in its gradient, read of the
    measurements."""

    held_out_samples: Annotated[int, Field(ge=1, le=65_536)]
    spectra: SpectraKnown
    # Where the halves are looked at their sums are rounded apart.
    split_half_agreement: bool


class StartSpec(InputsSpec):
    """What the start of runs depends on: rows, head, one-step gradient, and its triplets."""

    seed: Seed
    gradient: GradientSpec
    measure: StartMeasurements
    training: HeadTraining


class TeacherSpec(SharedSpec):
    """What a drawn teacher–student problem and its one-step gradient depend on.

    ``problem`` has the defaults where it describes the student, so that nobody reads another's.
    """

    seed: Seed
    problem: ProblemSpec
