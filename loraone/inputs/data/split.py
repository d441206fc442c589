"""Which rows a sample has: drawn by a seed, every label in proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def stratified(codes: Indices, count: int, seed: int) -> Indices:
    """``count`` of the rows, whose labels are ``codes``, sorted.

    Every label has its exact share, n_label · count / n, rounded up or down. Of labels whose share
    is below one text, such as all labels where none repeats, the seed draws those that have one,
    each with its share as the probability, so that every text of theirs is as likely as any other;
    the others have the largest remainders rounded up, the seed drawing among equal ones.
    """
    total = len(codes)
    generator = np.random.default_rng(seed)
    # A stream of its own: where nothing is to be drawn here, the texts are what they always were.
    ties = np.random.default_rng([seed, 1])
    order = np.argsort(codes, kind="stable")
    _, starts, sizes = np.unique(codes[order], return_index=True, return_counts=True)
    # Shares are counted in parts of 1/n, so that equal remainders are equal.
    take, remainders = np.divmod(sizes * count, total)
    rare = np.flatnonzero(take == 0)
    if len(rare):
        take[rare] = _one_or_none(sizes[rare] * count, total, ties)
        remainders[rare] = -1
    short = count - int(take.sum())
    take[np.lexsort((ties.random(len(take)), -remainders))[:short]] += 1
    chosen = [
        generator.choice(order[starts[i] : starts[i] + sizes[i]], size=take[i], replace=False)
        for i in np.flatnonzero(take)
    ]
    return np.sort(np.concatenate(chosen)) if chosen else order[:0]


def _one_or_none(parts: Indices, whole: int, generator: np.random.Generator) -> Indices:
    """1 with probability ``parts / whole`` (below 1) for each, 0 else; the sum is as near to the
    sum of the probabilities as whole numbers are: systematic sampling in a random order."""
    order = generator.permutation(len(parts))
    reached = np.cumsum(np.append(generator.integers(whole), parts[order])) // whole
    taken = np.empty_like(parts)
    taken[order] = np.diff(reached)
    return taken
