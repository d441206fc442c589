"""LoRA-One: the top singular subspace of the first full fine-tuning gradient."""
