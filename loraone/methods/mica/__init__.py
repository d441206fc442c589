"""MiCA: the weight's smallest left singular directions, frozen, as PEFT computes them."""
