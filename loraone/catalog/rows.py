"""What a row of the catalogue says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict


class NoParams(BaseModel):
    """A method without parameters of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Paper:
    """Where a method or a metric was published."""

    title: str
    url: str


@dataclass(frozen=True)
class Method:
    """One way to start fine-tuning.

    ``peft_init`` is what PEFT's ``init_lora_weights`` takes; ``initialise`` names a function of
    ours that computes the factors instead; ``prepare`` one that readies PEFT's own init with a pass
    over the calibration data. ``trains`` is ``"adapter"``, ``"A"`` (B is frozen), ``"core"`` (an
    r × r matrix between frozen factors), or ``"all"`` (the target layers themselves, no adapter).
    """

    name: str
    label: str
    summary: str
    paper: Paper | None
    colour: str
    params: type[BaseModel] = NoParams
    peft_init: bool | str = True
    initialise: str | None = None
    prepare: str | None = None
    trains: Literal["adapter", "A", "core", "all"] = "adapter"
    changes_base: bool = False
    # The base is rounded, so that what was changed in it has full rank.
    quantises: bool = False
    # Reads G itself or its sign, not only its top singular triplets.
    whole_gradient: bool = False
    # Singular triplets of G that it needs, in multiples of r: 2r must not be above min(m, n) then.
    triplets: int = 1
    even_rank: bool = False
    conv1d: bool = True
    # Whether nn.Embedding may be a target: PEFT falls back to another init in silence otherwise.
    embedding: bool = False

    @property
    def synthetic(self) -> bool:
        """Whether a teacher–student problem can start from it: PEFT's inits need a real model."""
        return self.initialise is not None or self.name in ("lora", "full")


@dataclass(frozen=True)
class Task:
    """What the model is trained to do, and the quantity that says how well."""

    name: str
    label: str
    summary: str
    metric: str
    auto_class: str
    peft_task_type: str
    run: str = "loraone.runs.fine_tuning:run"
    labelled: bool = True
    # Whether it draws its own problem, and needs neither model nor texts.
    synthetic: bool = False

    @property
    def loss_unit(self) -> str:
        """What its losses are counted in."""
        return "over its start" if self.synthetic else "nats"

    @property
    def judges(self) -> tuple[str, ...]:
        """What its runs can be judged by; the first unless asked otherwise."""
        return (self.metric,) if self.synthetic else ("eval_loss", self.metric)


@dataclass(frozen=True)
class Source:
    """A place that texts come from; ``prefix`` is how a spec names it."""

    name: str
    label: str
    summary: str
    prefix: str
    load: str


@dataclass(frozen=True)
class Quantity:
    """A number that runs yield, with what an axis needs to say about it."""

    name: str
    label: str
    unit: str
    better: Literal["lower", "higher", "none"]
    summary: str


@dataclass(frozen=True)
class LayerMetric(Quantity):
    """One number per layer of a run's reports, at the init or about the update.

    ``chance`` is the side, out (r/m) or in (r/n), whose random subspace says what chance gives.
    """

    when: Literal["init", "update"] = "init"
    axis: Literal["log", "share", "signed", "count"] = "log"
    chance: Literal["left", "right"] | None = None


@dataclass(frozen=True)
class FigureRow:
    """A figure drawn in Python from stored numbers."""

    name: str
    label: str
    summary: str
    draw: str
