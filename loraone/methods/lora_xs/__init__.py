"""LoRA-XS: an r × r core between frozen singular vectors of the weight."""
