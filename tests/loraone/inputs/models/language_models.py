"""Tiny language models with random weights: a head of each kind that there is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers
from torch import Tensor

from loraone.inputs.data.batches import IGNORED, Batch

WORDS = 50
_SIZE = {
    "vocab_size": WORDS,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_BOTH = {"vocab_size": WORDS, "d_model": 16, "pad_token_id": 0, "decoder_start_token_id": 0}
_T5 = {**_BOTH, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2}
_BART = {
    **_BOTH,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
}
_BERT = {name: value for name, value in _SIZE.items() if name != "num_key_value_heads"}


def _llama(**changes: Any) -> Any:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**_SIZE, **changes))


def _gpt2() -> Any:
    sizes = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 64}
    return transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=WORDS, **sizes))


def _gemma() -> Any:
    caps = {"final_logit_softcapping": 0.5, "head_dim": 4}
    return transformers.Gemma2ForCausalLM(transformers.Gemma2Config(**_SIZE, **caps))


def _experts() -> Any:
    experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12}
    config = transformers.Qwen2MoeConfig(
        **_SIZE, **experts, shared_expert_intermediate_size=12, attn_implementation="eager"
    )
    return transformers.Qwen2MoeForCausalLM(config)


MODELS: dict[str, Callable[[], Any]] = {
    "llama": _llama,
    "llama, tied": lambda: _llama(tie_word_embeddings=True),
    "gpt2": _gpt2,
    "gemma2, capped": _gemma,
    "cohere, scaled": lambda: transformers.CohereForCausalLM(
        transformers.CohereConfig(**_SIZE, logit_scale=0.25)
    ),
    "qwen2, experts": _experts,
    "t5, tied and scaled": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(**_T5, tie_word_embeddings=True)
    ),
    "t5": lambda: transformers.T5ForConditionalGeneration(
        transformers.T5Config(**_T5, tie_word_embeddings=False)
    ),
    "bart": lambda: transformers.BartForConditionalGeneration(transformers.BartConfig(**_BART)),
    "bert, masked": lambda: transformers.BertForMaskedLM(transformers.BertConfig(**_BERT)),
}


def drawn(name: str) -> Any:
    """The model in eval mode, with biases and norms that are not zero and one."""
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def batch(texts: int = 5, length: int = 9) -> Batch:
    """Texts of two lengths, the first with a label that does not count."""
    draw = torch.Generator().manual_seed(1)
    ids = torch.randint(3, WORDS, (texts, length), generator=draw)
    mask = torch.ones_like(ids)
    mask[::2, length - 3 :] = 0
    labels = ids.masked_fill(mask == 0, IGNORED)
    labels[0, 2] = IGNORED
    return {"input_ids": ids * mask, "attention_mask": mask, "labels": labels}


def gradients(model: Any, loss: Tensor) -> dict[str, Tensor]:
    """The gradient of every parameter that requires one."""
    wanted = {name: p for name, p in model.named_parameters() if p.requires_grad}
    found = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    return {name: g for name, g in zip(wanted, found, strict=True) if g is not None}
