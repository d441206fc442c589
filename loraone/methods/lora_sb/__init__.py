"""LoRA-SB: AdamW's first full step, approximated; an r × r core is trained."""
