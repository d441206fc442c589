"""What a row of the catalogue says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict


class NoParams(BaseModel):
    """A method without parameters of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Yes, no, or the parameter that decides it with the value at which it is yes.
Flag = bool | tuple[str, str | int]


@dataclass(frozen=True)
class Paper:
    """Where a method or a metric was published."""

    title: str
    url: str


@dataclass(frozen=True)
class Method:
    """One way to start fine-tuning, and all that is particular about it.

    ``peft_init`` is what PEFT's ``init_lora_weights`` takes; ``initialise`` names a function of
    ours that computes the factors instead; ``prepare`` one that readies PEFT's own init with a pass
    over the calibration data. ``trains`` is ``"adapter"``, ``"A"`` (B is frozen), ``"core"`` (an
    r × r matrix between frozen factors), or ``"all"`` (the target layers themselves, no adapter).

    A :data:`Flag` may depend on a parameter: :meth:`flag` says what it is.
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
    # s·B·A is taken out of the base weight, or the base is otherwise another than the pretrained.
    changes_base: Flag = False
    # The base is rounded, so that what was changed in it has full rank.
    quantises: bool = False
    # Whether it can begin on a base that was quantised when it was loaded. One that quantises keeps
    # such a base as it is; one that changes the base never can.
    on_quantised: Flag = True
    # Reads G itself or its sign, not only its top singular triplets.
    whole_gradient: bool = False
    # Singular triplets of G that it needs, in multiples of r: 2r must not be above min(m, n) then.
    triplets: int = 1
    # What it decomposes of each layer itself: its weight, or G's sign; top: r triplets of it.
    decomposes: Literal["", "top", "whole"] = ""
    even_rank: bool = False
    conv1d: bool = True
    # Whether nn.Embedding may be a target: PEFT falls back to another init in silence otherwise.
    embedding: bool = False
    # Whether the model is still the pretrained one before the first step.
    starts_pretrained: Flag = True
    # s of its adapter, where it does not take the adapter section's.
    own_scaling: float | None = None
    # The parameter that says how many times r directions of a layer's inputs it asks for.
    input_directions: str | None = None
    # Whether layers may get other ranks than r, or no adapter at all.
    moves_ranks: bool = False
    # Parameters that labels always name, by their bare value: they tell published forms apart.
    variant_params: tuple[str, ...] = ()
    # Parameters that may be "auto": a run then searches for them over the held-out loss.
    searched_params: tuple[str, ...] = ()
    # A function (lines that every config has, params) -> code for a PEFT user, where PEFT's own
    # ``init_lora_weights`` is not enough.
    peft_code: str | None = None
    # How the documentation gives its factors, in one line, and what they are computed from.
    formula: str = ""
    reads: tuple[str, ...] = ()
    # Its place in the form and in tables, ascending; plug-ins come last.
    order: float = math.inf

    @property
    def vanilla(self) -> bool:
        """Whether it is plain LoRA, which a teacher–student problem draws without PEFT."""
        ours = self.initialise is not None or self.prepare is not None
        return not ours and self.peft_init is True and self.trains == "adapter"

    @property
    def synthetic(self) -> bool:
        """Whether a teacher–student problem can start from it: PEFT's inits need a real model."""
        return self.initialise is not None or self.vanilla or self.trains == "all"

    def flag(
        self,
        name: Literal["changes_base", "starts_pretrained", "on_quantised"],
        params: Mapping[str, Any] | None = None,
    ) -> bool:
        """A flag with these parameters (a mapping; those left out have their defaults)."""
        said: Flag = getattr(self, name)
        if isinstance(said, bool):
            return said
        parameter, value = said
        given = self.params.model_validate(params or {})
        return bool(getattr(given, parameter) == value)

    def searches(self, params: Mapping[str, Any]) -> bool:
        """Whether a run with these parameters searches for one of them over the held-out loss."""
        return any(params.get(name) == "auto" for name in self.searched_params)


@dataclass(frozen=True)
class Task:
    """What the model is trained to do, and the quantity that says how well."""

    name: str
    label: str
    summary: str
    metric: str
    auto_class: str
    peft_task_type: str
    # The class of a text, its next tokens, the tokens of its label's text, or what a teacher says.
    predicts: Literal["class", "next-token", "label-text", "teacher"]
    # The metrics that its runs yield while they train, the usual one first.
    curves: tuple[str, ...]
    run: str = "loraone.runs.fine_tuning:run"

    @property
    def synthetic(self) -> bool:
        """Whether it draws its own problem, and needs neither model nor texts."""
        return self.predicts == "teacher"

    @property
    def labelled(self) -> bool:
        """Whether its texts need a label."""
        return self.predicts in ("class", "label-text")

    @property
    def new_head(self) -> bool:
        """Whether a head with an output for each label is drawn anew."""
        return self.predicts == "class"

    @property
    def loss_unit(self) -> str:
        """What its losses are counted in."""
        return "over its start" if self.synthetic else "nats"

    @property
    def judges(self) -> tuple[str, ...]:
        """What its runs can be judged by; the first unless asked otherwise."""
        return (self.metric,) if self.synthetic else ("eval_loss", self.metric)


@dataclass(frozen=True)
class Optimizer:
    """How parameters are moved. ``build`` names the function ``(trainable, spec)`` that makes one;
    ``student`` that of the theory's students, ``(students, rates, training)``, if there is one.
    """

    name: str
    label: str
    summary: str
    paper: Paper | None
    build: str
    student: str | None = None
    # Whether it works on two trained factors, lora_A and lora_B, and on nothing else.
    needs_factors: bool = False
    # Whether it leaves DoRA's magnitudes what they are.
    dora: bool = True
    # Whether the factors of several experts may be rows and columns of one tensor.
    experts: bool = True
    place: int = 0

    @property
    def synthetic(self) -> bool:
        """Whether the students of a teacher–student problem can be trained with it."""
        return self.student is not None


@dataclass(frozen=True)
class Source:
    """A place that texts come from.

    ``prefix`` is how a spec names it; ``suffixes`` are the ends of its names where it is files,
    each of which may be followed by ``.gz``.
    """

    name: str
    label: str
    summary: str
    prefix: str
    load: str
    suffixes: tuple[str, ...] = ()

    @property
    def file_kinds(self) -> str:
        """Its suffixes in words, for descriptions and messages."""
        *others, last = self.suffixes
        return f"{', '.join(others)} or {last} file (or any of them with .gz)"

    def suffix(self, name: str) -> str | None:
        """Which of its suffixes ``name`` has, with or without ``.gz``; None where it has none."""
        bare = name.lower().removesuffix(".gz")
        return next((suffix for suffix in self.suffixes if bare.endswith(suffix)), None)


@dataclass(frozen=True)
class FigureRow:
    """A figure drawn in Python from stored numbers; see :mod:`loraone.analysis.figures.rows`."""

    name: str
    label: str
    summary: str
    place: int = 0
