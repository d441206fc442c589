"""LoRA-GA as its paper has it: both factors orthonormal but for a constant."""
