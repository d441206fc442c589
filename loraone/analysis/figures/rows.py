"""The figures of results: one row for each, read without plotly.

A row's name is that of its route, ``/api/figures/<name>``; page and reports show its label, the
page its summary.
"""

from __future__ import annotations

from loraone.catalog.rows import FigureRow

ROWS = (
    FigureRow(
        "curves",
        "Curves",
        "A metric against step, tokens or seconds, and what it was before the initialisation",
    ),
    FigureRow(
        "learning-rate",
        "Learning rate",
        "The final metric against the learning rate",
    ),
    FigureRow(
        "heatmap",
        "Layers",
        "A scalar of every layer's spectrum, layer × module or expert × layer, of the first chosen "
        "run that has it",
    ),
    FigureRow(
        "spectra",
        "Spectra",
        "Singular values of one layer, log-log: one run, the first seed, for each series",
    ),
    FigureRow(
        "alignment",
        "Alignment",
        "How the adapter's subspace compares with the one-step gradient's, over training: all "
        "layers, a class of them, or one",
    ),
    FigureRow(
        "alignment-layers",
        "Alignment of every layer",
        "How every layer's subspace compares with the one-step gradient's at one step",
    ),
    FigureRow(
        "step0",
        "Step 0",
        "What the initialisation did to the losses before the first step",
    ),
    FigureRow(
        "columns",
        "Per layer",
        "One number of the reports for every layer, beside what chance would give",
    ),
    FigureRow(
        "cost",
        "Cost",
        "The final metric against time, memory or trained parameters, with the Pareto front",
    ),
    FigureRow(
        "overlap",
        "Overlap",
        "φ(i, j) between the first i directions of the gradient and the first j of the adapter",
    ),
)
