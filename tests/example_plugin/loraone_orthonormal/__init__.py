"""An example of a method of one's own: LoRA with orthonormal rows of A, and B zero."""
