"""What is measured beside the losses."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from loraone.spec.base import Spec
from loraone.spec.form import form

SpectraKnown = Literal["auto", "whole", "top"]


# Below it all values of a matrix take less time than an estimate (measured: 5 and 15 ms at 256 ×
# 2048).
SMALL = 512
# Weights are looked at once for each model: of a 2048 × 5632 matrix all values take half a second
# on two cores, of a 4096 × 11008 one four.
SMALL_WEIGHT = 1024


def whole_gradient(known: SpectraKnown, side: int, tokens: int) -> bool:
    """Whether all singular values of a gradient are computed, a sum over so many tokens.

    All of an (m, n) matrix whose smaller ``side`` is k take about ``mnk`` operations, in float64
    and with the eigenvalues of a (k, k) matrix twice that, and the gradient ``6mn`` for each token.
    On two cores they cost the same at ``k = 0.8`` to ``1.0 × tokens`` (896 × 4864, 2048 × 5632).
    """
    return known == "whole" or (known == "auto" and side <= max(SMALL, tokens))


def whole_weight(known: SpectraKnown, side: int) -> bool:
    """Whether all singular values of a weight are computed, whose smaller side is this."""
    return known == "whole" or (known == "auto" and side <= SMALL_WEIGHT)


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
