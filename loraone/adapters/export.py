"""Trained adapters as files that plain PEFT reads, and read back by it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from torch import Tensor

from loraone.adapters import experts
from loraone.adapters.interfaces import PortableAdapter
from loraone.catalog import TASKS
from loraone.inputs.models.experts import is_of_expert, parameter_of
from loraone.inputs.models.loading import LoadedModel
from loraone.spec.experiment import RunSpec


def write(portable: PortableAdapter, loaded: LoadedModel, spec: RunSpec, folder: Path) -> None:
    """Write ``portable`` as an adapter that PEFT, vLLM and the like load without this package.

    ``init_lora_weights`` is saved as true: plain PEFT rejects names that it does not know.
    """
    from peft import LoraConfig
    from safetensors.torch import save_file

    linear = {name: pair for name, pair in portable.layers.items() if not is_of_expert(name)}
    of_experts = experts.stacked(portable.layers)
    ranks = {
        parameter_of(name) if is_of_expert(name) else name: len(pair.A)
        for name, pair in portable.layers.items()
    }
    most = max(ranks.values())
    if portable.own_alpha is not None:
        alpha, rslora = portable.own_alpha
    else:
        alpha, rslora = portable.scaling * most, False
    other = {name: rank for name, rank in ranks.items() if rank != most}
    config = LoraConfig(
        r=most,
        lora_alpha=alpha,
        use_rslora=rslora,
        lora_dropout=spec.adapter.dropout if spec.trains_adapter else 0.0,
        target_modules=sorted(linear),
        target_parameters=sorted(of_experts) or None,
        modules_to_save=sorted(portable.heads) or None,
        rank_pattern=other,
        alpha_pattern={name: portable.scaling * rank for name, rank in other.items()},
        fan_in_fan_out=any(layer.conv1d for layer in loaded.layers),
        use_dora=bool(portable.magnitudes),
        init_lora_weights=True,
        task_type=TASKS[spec.task].peft_task_type,
        base_model_name_or_path=loaded.location,
        revision=loaded.revision,
        inference_mode=True,
    )
    tensors: dict[str, Tensor] = {}
    embeddings = {layer.name for layer in loaded.layers if layer.embedding}
    for name, pair in linear.items():
        A, B = "lora_A.weight", "lora_B.weight"
        if name in embeddings:
            A, B = "lora_embedding_A", "lora_embedding_B"
        tensors[f"base_model.model.{name}.{A}"] = pair.A
        tensors[f"base_model.model.{name}.{B}"] = pair.B
    places = experts.places(loaded.layers)
    for name, pair in of_experts.items():
        tensors[f"base_model.model.{places[name]}.lora_A.weight"] = pair.A
        tensors[f"base_model.model.{places[name]}.lora_B.weight"] = pair.B
    for name, magnitude in portable.magnitudes.items():
        tensors[f"base_model.model.{name}.lora_magnitude_vector"] = magnitude
    for name, state in portable.heads.items():
        for key, tensor in state.items():
            tensors[f"base_model.model.{name}.{key}"] = tensor
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: tensor.detach().cpu().contiguous().clone() for key, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    config.save_pretrained(str(folder))


def reload(loaded: LoadedModel, folder: Path) -> Any:
    """The adapter in ``folder`` on the restored base, read back by plain PEFT."""
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return PeftModel.from_pretrained(loaded.model, str(folder)).eval()
