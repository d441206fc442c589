"""LoRA: A random, B zero. PEFT computes it, and the theory lab draws it itself."""
