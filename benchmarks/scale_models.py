"""Checkpoints of Llama-shaped language models at their real size, with random weights.

Shapes are those of public models (Qwen2 0.5B's widths, TinyLlama 1.1B); what is measured of them is
time and memory, which do not depend on what the weights are.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

VOCABULARY = 32_000
# Each word is a token; texts are this long, so that none is padded.
TEXTS, TOKENS = 96, 64

_LLAMA: dict[str, Any] = {"vocab_size": VOCABULARY, "max_position_embeddings": 2048}
SHAPES: dict[str, dict[str, Any]] = {
    "0.06b": {
        **_LLAMA,
        "hidden_size": 512,
        "intermediate_size": 1408,
        "num_hidden_layers": 8,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
    },
    "0.4b": {
        **_LLAMA,
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
    },
    "1.1b": {
        **_LLAMA,
        "hidden_size": 2048,
        "intermediate_size": 5632,
        "num_hidden_layers": 22,
        "num_attention_heads": 32,
        "num_key_value_heads": 4,
    },
}


def checkpoint(shape: str, dtype: str, folder: Path) -> Path:
    """The folder of a checkpoint, written where it is not there yet."""
    home = folder / f"llama-{shape}-{dtype}"
    if (home / "config.json").is_file():
        return home
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = transformers.LlamaConfig(**SHAPES[shape])
        # In its own format from the start: a float32 copy would take twice its memory.
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=getattr(torch, dtype))
        model.save_pretrained(home)
    vocabulary = {"<pad>": 0, "<unk>": 1, "</s>": 2}
    vocabulary |= {f"w{i}": i for i in range(3, VOCABULARY)}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    ).save_pretrained(home)
    return home


def texts(folder: Path) -> Path:
    """A file of texts of 64 words each: words that follow each other, so that some is learnt."""
    file = folder / "texts.jsonl"
    draw = random.Random(0)
    lines = []
    for _ in range(TEXTS):
        first = draw.randrange(3, VOCABULARY - TOKENS)
        words = [first + draw.randrange(8) * (i % 2) + i for i in range(TOKENS)]
        lines.append(json.dumps({"text": " ".join(f"w{word}" for word in words)}))
    file.write_text("\n".join(lines) + "\n")
    return file
