"""Orthogonal: random factors whose product is zero, as PEFT computes them."""
