"""A control for LoRA-One: its sizes, in random directions."""
