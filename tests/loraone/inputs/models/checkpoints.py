"""Tiny checkpoints of more architectures, and ways to break a copy of one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import Tensor

from tests.conftest import WORDS

WEIGHTS = "model.safetensors"
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 135\n"
VOCABULARY = {word: i for i, word in enumerate(["<pad>", "<unk>", "</s>", *WORDS])}
_COMMON: dict[str, Any] = {
    "vocab_size": len(VOCABULARY),
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
}
_ENDS: dict[str, Any] = {"eos_token_id": 2, "bos_token_id": 2, "cls_token_id": 2, "sep_token_id": 2}
# The class that saved the checkpoint, its configuration, and how many tokens it can take.
CHECKPOINTS: dict[str, tuple[str, Callable[[], Any], int | None]] = {
    "bert": ("BertForPreTraining", lambda: transformers.BertConfig(**_COMMON), 32),
    "bert-mlm": ("BertForMaskedLM", lambda: transformers.BertConfig(**_COMMON), 32),
    "roberta": (
        "RobertaForMaskedLM",
        lambda: transformers.RobertaConfig(**{**_COMMON, "pad_token_id": 1}),
        30,
    ),
    "distilbert": (
        "DistilBertForMaskedLM",
        lambda: transformers.DistilBertConfig(
            vocab_size=len(VOCABULARY),
            dim=16,
            hidden_dim=24,
            n_layers=2,
            n_heads=2,
            max_position_embeddings=32,
        ),
        32,
    ),
    "deberta": ("DebertaV2ForMaskedLM", lambda: transformers.DebertaV2Config(**_COMMON), 32),
    "modernbert": (
        "ModernBertModel",
        lambda: transformers.ModernBertConfig(**_COMMON, **_ENDS),
        32,
    ),
    "xlnet": (
        "XLNetLMHeadModel",
        lambda: transformers.XLNetConfig(
            vocab_size=len(VOCABULARY), d_model=16, n_layer=2, n_head=2, d_inner=16
        ),
        None,
    ),
    "gpt2": (
        "GPT2LMHeadModel",
        lambda: transformers.GPT2Config(
            vocab_size=len(VOCABULARY),
            n_embd=16,
            n_layer=2,
            n_head=2,
            n_positions=32,
            bos_token_id=2,
            eos_token_id=2,
        ),
        32,
    ),
    "opt": (
        "OPTForCausalLM",
        lambda: transformers.OPTConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=16,
            word_embed_proj_dim=16,
            ffn_dim=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
        ),
        32,
    ),
    "neox": ("GPTNeoXForCausalLM", lambda: transformers.GPTNeoXConfig(**_COMMON), 32),
    "bloom": (
        "BloomForCausalLM",
        lambda: transformers.BloomConfig(
            vocab_size=len(VOCABULARY), hidden_size=16, n_layer=2, n_head=2
        ),
        None,
    ),
    "bart": (
        "BartForConditionalGeneration",
        lambda: transformers.BartConfig(
            vocab_size=len(VOCABULARY),
            d_model=16,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=16,
            decoder_ffn_dim=16,
            max_position_embeddings=32,
            pad_token_id=0,
            eos_token_id=2,
            bos_token_id=2,
            decoder_start_token_id=2,
            forced_eos_token_id=None,
        ),
        32,
    ),
}
CLASSIFIES, WRITES, ANSWERS = "sequence-classification", "causal-lm", "seq2seq-lm"
TASK_OF = {
    **dict.fromkeys(CHECKPOINTS, CLASSIFIES),
    **dict.fromkeys(("gpt2", "opt", "neox", "bloom"), WRITES),
    "bart": ANSWERS,
}


def tokenizer(words: dict[str, int] | None = None, **special: str) -> Any:
    """A tokenizer that splits at spaces; its padding and end are ``<pad>`` and ``</s>``."""
    core = Tokenizer(models.WordLevel(words or VOCABULARY, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    special = special or {"pad_token": "<pad>", "eos_token": "</s>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="<unk>", **special)


def saved(name: str, folder: Path) -> Path:
    """A checkpoint of the architecture ``name`` with its tokenizer in ``folder``."""
    kind, config, _ = CHECKPOINTS[name]
    torch.manual_seed(0)
    getattr(transformers, kind)(config()).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def copied(folder: Path, to: Path) -> Path:
    """A copy that may be broken."""
    shutil.copytree(folder, to)
    return to


def reconfigured(folder: Path, **changes: Any) -> Path:
    """The same folder with other words in its config.json; None takes one out."""
    config = json.loads((folder / "config.json").read_text()) | changes
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def reweighted(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> Path:
    """The same folder with other weights."""
    weights = change(load_file(folder / WEIGHTS))
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def without(part: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    """Leaves out the weights that have ``part`` in their name."""
    return lambda weights: {key: weight for key, weight in weights.items() if part not in key}
