"""LoRA-GA as PEFT has it: B carries the gradient's singular values."""
