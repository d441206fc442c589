"""A dense change of a layer as a pair of factors."""

from __future__ import annotations

import torch

from loraone.linalg.matrices import Change, Dense
from loraone.methods.base import Factors


def full_rank(change: Change) -> Factors:
    """A dense change as two factors, one of which is the identity: exact, of rank min(m, n)."""
    assert isinstance(change, Dense)
    m, n = change.matrix.shape
    if m <= n:
        return Factors(A=change.matrix, B=torch.eye(m))
    return Factors(A=torch.eye(n), B=change.matrix)
