"""LoRA with a normal A, as PEFT computes it."""
