"""EVA: the main directions of each layer's inputs, by PEFT's own pass over the texts."""
