"""The sections of a spec that describe a teacher–student problem, and a sweep over one number."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from loraone.spec.base import Spec, at_most, exactly

Swept = Literal["condition", "init_std", "samples", "noise", "true_rank", "scaling"]
SYMBOLS: dict[str, str] = {
    "condition": "κ",
    "init_std": "std",
    "samples": "N",
    "noise": "noise",
    "true_rank": "r*",
    "scaling": "s",
}


class ProblemSpec(Spec):
    """A teacher whose weight differs from the student's by Δ of low rank; inputs are Gaussian.

    ``y = x (W₀ + Δ)ᵀ``, its ReLU, or two such layers; loss ``1/(2N) ‖·‖_F²``. Source: arXiv
    2502.01235, section 3 (linear) and 4 (ReLU).
    """

    inputs: int = Field(64, title="Inputs d", ge=1, le=512, description="Width of x: n of W")
    outputs: int = Field(48, title="Outputs k", ge=1, le=512, description="Width of y: m of W")
    hidden: int = Field(
        32, title="Hidden", ge=1, le=512, description="Width between the two layers, if there are"
    )
    samples: int = Field(
        1024, title="Samples N", ge=1, le=65_536, description="Inputs that the student sees"
    )
    true_rank: int = Field(
        4, title="True rank r*", ge=1, le=512, description="Rank of Δ, the teacher's change"
    )
    condition: float = Field(
        1.0,
        title="Condition κ",
        ge=1,
        le=1e6,
        allow_inf_nan=False,
        description="Largest over smallest singular value of Δ; the largest is 1",
    )
    spectrum: Literal["geometric", "linear", "cliff"] = Field(
        "geometric",
        title="Spectrum of Δ",
        description="How its singular values fall from 1 to 1/κ; cliff: all 1 but the last",
    )
    activation: Literal["linear", "relu", "two-layer"] = Field(
        "linear",
        title="Activation",
        description="linear; relu: after the layer; two-layer: ReLU between two adapted layers",
    )
    noise: float = Field(
        0.0,
        title="Noise",
        ge=0,
        le=100,
        allow_inf_nan=False,
        description="Standard deviation of what is added to the teacher's outputs",
    )
    init_std: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = Field(
        None,
        title="Deviation of vanilla's A",
        description="LoRA's A is normal with this deviation; empty: Kaiming uniform, as in PEFT",
    )
    scaling: float = Field(
        1.0,
        title="Scaling s",
        gt=0,
        le=1e4,
        allow_inf_nan=False,
        description="W₀ + s·B·A; the adapter section's α is not read here",
    )
    dtype: Literal["float64", "float32"] = Field(
        "float64", title="Computed in", description="Number format of everything"
    )

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(out, in) of every adapted layer."""
        if self.activation == "two-layer":
            return (self.hidden, self.inputs), (self.outputs, self.hidden)
        return ((self.outputs, self.inputs),)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return ("first", "second") if self.activation == "two-layer" else ("layer",)

    @property
    def summary(self) -> str:
        """``linear, d 64, k 48, N 1024, r* 4``."""
        sizes = f"d {self.inputs}, k {self.outputs}, N {self.samples}, r* {self.true_rank}"
        return f"{self.activation}, {sizes}"

    @property
    def narrowest(self) -> int:
        """The smallest dimension of any layer."""
        return min(min(shape) for shape in self.shapes)

    @model_validator(mode="after")
    def _fits(self) -> ProblemSpec:
        if self.true_rank > self.narrowest:
            raise PydanticCustomError(
                "true_rank",
                "r* = {given} is above the narrowest width {most}; allowed: 1 to {most}",
                {"given": self.true_rank, "most": self.narrowest, "at": "true_rank"},
            )
        return self


class SweepSpec(Spec):
    """One number of the problem that takes several values, each with every method and seed."""

    parameter: Swept = Field("condition", title="Sweep", description="What is varied")
    values: Annotated[
        # Each must also be one that the problem's own field allows.
        tuple[Annotated[float, Field(ge=0, le=1e6)], ...],
        Field(min_length=1, max_length=200),
        at_most(200),
    ] = Field((1.0, 10.0, 100.0), title="Values", description="Of what is varied")

    def applied(self, problem: ProblemSpec, value: float) -> ProblemSpec:
        """``problem`` with the swept number set, checked like any other."""
        whole = self.parameter in ("samples", "true_rank") and value == int(value)
        given = int(value) if whole else value
        return ProblemSpec.model_validate({**problem.model_dump(), self.parameter: given})

    def check(self, problem: ProblemSpec) -> None:
        """Raise PydanticCustomError for the first value that the problem cannot have."""
        for place, value in enumerate(self.values):
            try:
                self.applied(problem, value)
            except ValidationError as error:
                raise PydanticCustomError(
                    "sweep_value",
                    "{parameter}: {reason}",
                    {
                        "parameter": self.parameter,
                        "reason": error.errors()[0]["msg"],
                        "given": value,
                        "at": f"sweep.values.{place}",
                    },
                ) from None

    def label(self, value: float) -> str:
        """``κ 10``."""
        return f"{SYMBOLS[self.parameter]} {exactly(value)}"
