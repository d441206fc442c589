"""The short training run: its loop, learning-rate schedule and optimizers."""
