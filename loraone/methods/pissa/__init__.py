"""PiSSA: the top singular triplets of the weight, as PEFT computes them."""
