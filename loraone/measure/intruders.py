"""Directions of the tuned weight that the pretrained one did not have."""

from __future__ import annotations

from torch import Tensor

from loraone.linalg.svd import truncated_svd
from loraone.spec.measure import MeasureSpec


def intruders(pretrained: Tensor, left_vectors: Tensor, change: Tensor, plan: MeasureSpec) -> float:
    """How many of the tuned weight's top left singular vectors are like none of the pretrained's.

    Those whose largest |cos| to all pretrained left singular vectors is below ε, among the
    ``intruder_top`` with the largest singular values. Source: arXiv 2410.21228, section 3.
    """
    tuned = truncated_svd(pretrained + change, plan.intruder_top)
    nearest = (left_vectors.T @ tuned.U).abs().amax(dim=0)
    return float((nearest < plan.intruder_epsilon).sum())
