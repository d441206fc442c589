"""What runs measure: by step, at their end, of a spectrum, of angles, and of each layer.

All lists of quantities, on the page, in reports and in tables, follow from these rows.
"""

from __future__ import annotations

from loraone.catalog.discovery import discover
from loraone.catalog.quantity_rows import (
    AlignmentMeasure,
    LayerMetric,
    Result,
    Shown,
    Spectrum,
    SpectrumScalar,
)

_ROWS_METRIC = (
    Result(
        "train_loss",
        "Training loss",
        "nats",
        "lower",
        "Loss of the step's batch, before it",
        spark=True,
    ),
    Result(
        "eval_loss",
        "Evaluation loss",
        "nats",
        "lower",
        "Mean loss on the evaluation split",
        overview=True,
        usual=True,
    ),
    Result(
        "accuracy",
        "Accuracy",
        "",
        "higher",
        "Share of the evaluation split labelled right",
        score="loraone.training.scores:accuracy",
        overview=True,
        usual=True,
    ),
    Result(
        "perplexity",
        "Perplexity",
        "",
        "lower",
        "exp of the evaluation loss",
        score="loraone.training.scores:perplexity",
        overview=True,
        usual=True,
    ),
    Result("grad_norm", "Gradient norm", "", "none", "Before clipping, all trained parameters"),
    # Losses of the theory fall over ten decades: a linear axis would show the first.
    Result(
        "relative_loss",
        "Loss over its start",
        "",
        "lower",
        "Training loss over that of the untouched student, before the initialisation",
        axis="log",
        overview=True,
        usual=True,
        spark=True,
    ),
    Result(
        "fresh_loss",
        "Fresh loss over its start",
        "",
        "lower",
        "Loss on inputs that the student has not seen, over that of the untouched student",
        axis="log",
        overview=True,
    ),
    Result(
        "sin_in",
        "sin to the gradient, in side",
        "",
        "none",
        "Largest principal angle of A's top-r* subspace to the gradient's; the paper's distance",
        axis="log",
    ),
    Result(
        "sin_out",
        "sin to the gradient, out side",
        "",
        "none",
        "Largest principal angle of B's top-r* subspace to the gradient's",
        axis="log",
    ),
    Result("learning_rate", "Learning rate", "", "none", "Of the step, after the schedule"),
)
METRICS: dict[str, Result] = {row.name: row for row in _ROWS_METRIC}

_ROWS_SUMMARY = (
    Result(
        "held_out_loss_before",
        "Held-out before init",
        "nats",
        "lower",
        "Of training texts",
        overview=True,
    ),
    Result(
        "held_out_loss_after",
        "Held-out after init",
        "nats",
        "lower",
        "Before any training",
        overview=True,
    ),
    Result("gamma", "γ in use", "", "none", "Named in the spec, or found", overview=True),
    Result(
        "train_seconds",
        "Training time",
        "s",
        "lower",
        "Without evaluation and probes",
        overview=True,
        usual=True,
        cost=True,
    ),
    Result(
        "memory_bytes",
        "Memory",
        "bytes",
        "lower",
        "What the process held after training, or the most that was taken of the GPU",
        overview=True,
        cost=True,
        # A method's is compared with others', not counted.
        shown=Shown("memory", "GB", 1e9),
    ),
    Result(
        "trained_parameters",
        "Trained parameters",
        "",
        "lower",
        "Adapter and head",
        overview=True,
        cost=True,
    ),
    Result("tokens", "Training tokens", "", "none", "Without padding"),
    Result(
        "export_difference",
        "Export difference",
        "",
        "lower",
        "Largest difference of a logit between the trained model and its adapter in plain PEFT",
    ),
    Result(
        "export_allowed",
        "Export tolerance",
        "",
        "none",
        "What rounding in the model's number format explains of the export difference",
    ),
)
# What a run says of itself at its end, beside the last value of every metric.
SUMMARY: dict[str, Result] = {row.name: row for row in _ROWS_SUMMARY}

_RESULTS = (*_ROWS_METRIC, *_ROWS_SUMMARY)
# What the overview says of every method, and what methods are drawn by.
OVERVIEW: tuple[Result, ...] = tuple(row for row in _RESULTS if row.overview)
COSTS: dict[str, Result] = {row.name: row for row in _RESULTS if row.cost}

_ROWS_SCALAR = (
    SpectrumScalar(
        "sigma1", "Largest singular value σ₁", "", "none", "The spectral norm", of_top=True
    ),
    SpectrumScalar("frobenius", "Frobenius norm", "", "none", "√Σσ²"),
    SpectrumScalar("stable_rank", "Stable rank", "", "none", "‖·‖_F² / σ₁²", usual=True),
    SpectrumScalar("effective_rank", "Effective rank", "", "none", "exp of the entropy of σ²/Σσ²"),
    SpectrumScalar("energy_top_r", "Energy in the top r", "", "none", "Σ_{i≤r} σ² / Σσ²"),
    SpectrumScalar(
        "gap", "Gap σ_{r+1}/σ_r", "", "none", "Near 1 the top-r subspace is ill-defined"
    ),
)
SCALARS: dict[str, SpectrumScalar] = {row.name: row for row in _ROWS_SCALAR}

# Solid grey is full fine-tuning's.
_ROWS_SPECTRUM = (
    Spectrum(
        "gradient",
        "Gradient G",
        "",
        "none",
        "The one-step gradient of the mean loss",
        mark="dash",
        shared=True,
    ),
    Spectrum(
        "weight", "Pretrained weight W", "", "none", "Before any change", mark="dot", shared=True
    ),
    Spectrum(
        "init",
        "Initial adapter s·B₀A₀",
        "",
        "none",
        "What the initialisation adds",
        mark="triangle-up",
    ),
    Spectrum(
        "update",
        "Trained update",
        "",
        "none",
        "s·BA − s·B₀A₀: what training added",
        mark="circle",
        usual=False,
    ),
    Spectrum(
        "change",
        "Total change",
        "",
        "none",
        "Final effective weight minus pretrained W",
        mark="square",
    ),
)
SPECTRA: dict[str, Spectrum] = {row.name: row for row in _ROWS_SPECTRUM}

_ROWS_ALIGNMENT = (
    AlignmentMeasure(
        "mean_cos2",
        "Mean cos² of the principal angles",
        "",
        "none",
        "1: the adapter spans the gradient's top-r subspace; the dashed line is what a random "
        "subspace has. A zero factor has no direction and is not drawn",
        axis="share",
        short="Mean cos²",
    ),
    AlignmentMeasure(
        "sin_max",
        "sin of the largest principal angle",
        "",
        "none",
        "The paper's distance: 0 aligned, 1 at least one direction is orthogonal",
        axis="share",
        short="sin of the largest angle",
    ),
    AlignmentMeasure(
        "energy",
        "Captured gradient energy",
        "",
        "none",
        "The share of the best rank-r gradient energy that lies in the adapter's two subspaces",
        axis="share",
        short="Captured energy",
        sided=False,
    ),
)
ALIGNMENT_MEASURES: dict[str, AlignmentMeasure] = {row.name: row for row in _ROWS_ALIGNMENT}

# One number per layer, found beside the functions that produce them.
LAYER_METRICS: dict[str, LayerMetric] = discover("loraone.measure.layer_metrics", LayerMetric)
