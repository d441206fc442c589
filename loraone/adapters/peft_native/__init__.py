"""LoRA-One inside PEFT's own classes; :mod:`loraone.peft_native` is the way in."""
