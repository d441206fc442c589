"""LoRA-One for people who use PEFT directly: two ways in, neither of which falls back in silence.

Before ``get_peft_model``, in the manner of PEFT's ``preprocess_loraga``::

    config = LoraOneConfig(r=8, lora_alpha=16, use_rslora=True, target_modules=["q_proj", "v_proj"])
    preprocess_lora_one(model, config, train_step)   # train_step runs forward and backward
    model = get_peft_model(model, config)

After it, in the manner of ``initialize_lora_eva_weights``, for any adapter of any ``LoraConfig``::

    model = get_peft_model(model, LoraConfig(...))
    initialize_lora_one_weights(model, dataloader)

Either way the result is an ordinary LoRA adapter: the base weights are untouched, and
``save_pretrained`` writes ``init_lora_weights: true``, which plain PEFT, vLLM and the like read.
Layers and ranks are those that PEFT makes of the configuration. Linear layers, ``Conv1D``,
embeddings and convolutions start, all of them or none; what would stay at ΔW = 0 is refused by
name.
"""

from __future__ import annotations

from loraone.adapters.peft_native.config import LoraOneConfig
from loraone.adapters.peft_native.initialize import initialize_lora_one_weights
from loraone.adapters.peft_native.preprocess import preprocess_lora_one

__all__ = ["LoraOneConfig", "initialize_lora_one_weights", "preprocess_lora_one"]
