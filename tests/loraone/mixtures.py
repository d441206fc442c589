"""Tiny mixtures of experts with random weights, of the layouts that transformers has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from tests.loraone.inputs.models.checkpoints import VOCABULARY, tokenizer

EXPERTS = 4
_COMMON: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 2,
    "eos_token_id": 2,
    "num_experts_per_tok": 2,
}
# Qwen2's shares an expert among all tokens; gpt-oss stores the transposed matrices, with biases.
MIXTURES: dict[str, Callable[[], Any]] = {
    "qwen2_moe": lambda: transformers.Qwen2MoeConfig(
        **_COMMON,
        moe_intermediate_size=8,
        shared_expert_intermediate_size=8,
        num_experts=EXPERTS,
    ),
    "mixtral": lambda: transformers.MixtralConfig(**_COMMON, num_local_experts=EXPERTS),
    "gpt_oss": lambda: transformers.GptOssConfig(
        **_COMMON, head_dim=8, num_local_experts=EXPERTS, rope_parameters={"rope_type": "default"}
    ),
}


def built(name: str) -> Any:
    """The model, with weights large enough that every expert matters."""
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_config(MIXTURES[name]())
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3) if parameter.dim() > 1 else None
    model.config.use_cache = False
    return model.eval()


def saved(name: str, folder: Path) -> Path:
    """Its checkpoint with a tokenizer; Qwen's and Mixtral's hold the experts one by one."""
    built(name).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
