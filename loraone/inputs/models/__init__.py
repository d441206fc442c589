"""Pretrained models: where they may lie, what they hold, and their layers that are adapted."""
