"""Tiny models of several architectures, and what their quantised layers stand for."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import Tensor, nn

from loraone.errors import LoraOneError
from loraone.inputs.models import loading
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.packed import is_packed, plain
from loraone.inputs.models.paths import preflight
from loraone.inputs.models.targets import TargetLayer
from loraone.spec.experiment import ExperimentSpec
from loraone.spec.model import ModelSpec
from tests.conftest import TASK_OF, tiny_experiment

CPU = torch.device("cpu")
KINDS = ("int8", "nf4")


def loaded(folder: Path, arch: str, **asked: Any) -> LoadedModel:
    """The model in ``folder``, as a run loads it."""
    spec = ModelSpec(id=str(folder), **asked)
    return loading.load(spec, TASK_OF.get(arch, "causal-lm"), 3, CPU)


def stands_for(found: LoadedModel) -> tuple[Any, tuple[TargetLayer, ...]]:
    """The same model with the matrices in place of the quantised weights, and its layers."""
    model = found.model
    for name, module in list(model.named_modules()):
        if is_packed(module):
            model.set_submodule(name, plain(module))
    nn.Module.float(model)  # transformers' own refuses what was quantised
    layers = tuple(
        TargetLayer(layer.name, model.get_submodule(layer.name)) for layer in found.layers
    )
    return model, layers


def saved_quantised(folder: Path, into: Path, kind: str, auto: str) -> Path:
    """A checkpoint of the model that holds quantised weights alone, and its tokenizer."""
    four = {"load_in_4bit": True, "bnb_4bit_quant_type": kind, "bnb_4bit_use_double_quant": True}
    config = transformers.BitsAndBytesConfig(**({"load_in_8bit": True} if kind == "int8" else four))
    model = getattr(transformers, auto).from_pretrained(
        folder, quantization_config=config, device_map={"": CPU}
    )
    model.save_pretrained(into)
    transformers.AutoTokenizer.from_pretrained(folder).save_pretrained(into)
    return into


def weight_shaped(model: nn.Module) -> list[Tensor]:
    """The floating-point matrices that exist and are as large as a quantised layer's."""
    shapes = {
        shape
        for module in model.modules()
        if is_packed(module) and isinstance(module, nn.Linear)
        for shape in (
            (module.out_features, module.in_features),
            (module.in_features, module.out_features),
        )
    }
    gc.collect()
    return [
        each
        for each in gc.get_objects()
        if type(each) in (Tensor, nn.Parameter)
        and each.is_floating_point()
        and not each.is_meta
        and tuple(each.shape) in shapes
    ]


def refusal(folder: Path, texts: Path, **model: Any) -> LoraOneError:
    """Why a launch on this model is refused."""
    body = tiny_experiment(folder, texts, model={"id": str(folder), **model})
    (error,) = preflight(ExperimentSpec.model_validate(body), None)
    return error
