"""What is measured beside the losses."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from loraone.spec.base import Spec
from loraone.spec.form import form

SpectraKnown = Literal["auto", "whole", "top"]


class MeasureSpec(Spec):
    """What is measured beside the losses."""

    section: ClassVar[str] = "Measurements"

    alignment_every: int = Field(
        5, title="Alignment every", ge=1, le=100_000, description="Steps between measurements"
    )
    held_out_samples: int = Field(
        64,
        title="Held-out batch",
        ge=1,
        le=65_536,
        description="Training texts outside the gradient batch for the loss around the init",
    )
    save_adapter: bool = Field(
        True, title="Keep adapters", description="Write and verify a plain PEFT adapter"
    )
    spectra: SpectraKnown = Field(
        "auto",
        title="Spectra",
        description="Of gradients and weights. whole: all singular values. auto: all where they "
        "cost less than the gradient, otherwise the top r and an estimate of the others with its "
        "error. top: the gradient's top r alone",
        json_schema_extra=form(
            choices={"auto": "auto", "whole": "all values", "top": "the top r alone"}
        ),
    )
    split_half_agreement: bool = Field(
        True,
        title="Gradient trust",
        description="Split-half agreement of the gradient batch: of the same pass where all "
        "gradients are held, one more pass otherwise",
    )
    hessian: bool = Field(
        False,
        title="Largest Hessian eigenvalue",
        description="Of the loss in the trained parameters at step 0; predicts the usable "
        "learning rate; as long as a few dozen training steps",
    )
    hessian_samples: int = Field(
        16,
        title="Hessian batch",
        ge=1,
        le=4096,
        description="Texts of the gradient batch it takes",
        json_schema_extra=form(shown_when={"measure.hessian": [True]}),
    )
    intruders: bool = Field(
        False,
        title="Intruder dimensions",
        description="Count the tuned weights' directions that are new: one more SVD of each weight",
    )
    intruder_top: int = Field(
        10,
        title="Intruders among the top",
        ge=1,
        le=4096,
        description="Left singular vectors of the tuned weight that are looked at",
        json_schema_extra=form(shown_when={"measure.intruders": [True]}),
    )
    intruder_epsilon: float = Field(
        0.6,
        title="Intruder ε",
        gt=0,
        lt=1,
        description="New is what has no |cos| of ε or more to any pretrained direction",
        json_schema_extra=form(shown_when={"measure.intruders": [True]}),
    )
