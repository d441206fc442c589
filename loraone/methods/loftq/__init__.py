"""LoftQ: the base weight in 4 bits, and factors that make up for what that loses."""
