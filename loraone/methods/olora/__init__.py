"""OLoRA: the QR decomposition of the weight, as PEFT computes it."""
