"""Singular value decompositions, low-rank matrices, and angles between subspaces."""
