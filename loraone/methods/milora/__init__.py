"""MiLoRA: the smallest singular triplets of the weight, taken out of the base."""
