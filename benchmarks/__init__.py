"""Measured comparisons with named peers, in one run each."""
