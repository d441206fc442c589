"""What runs measure: by step, of a spectrum, and of each layer."""

from __future__ import annotations

from loraone.catalog.rows import LayerMetric, Quantity

_ROWS_METRIC = (
    Quantity("train_loss", "Training loss", "nats", "lower", "Loss of the step's batch, before it"),
    Quantity("eval_loss", "Evaluation loss", "nats", "lower", "Mean loss on the evaluation split"),
    Quantity("accuracy", "Accuracy", "", "higher", "Share of the evaluation split labelled right"),
    Quantity("perplexity", "Perplexity", "", "lower", "exp of the evaluation loss"),
    Quantity("grad_norm", "Gradient norm", "", "none", "Before clipping, all trained parameters"),
    Quantity(
        "relative_loss",
        "Loss over its start",
        "",
        "lower",
        "Training loss over that of the untouched student, before the initialisation",
    ),
    Quantity(
        "fresh_loss",
        "Fresh loss over its start",
        "",
        "lower",
        "Loss on inputs that the student has not seen, over that of the untouched student",
    ),
    Quantity(
        "sin_in",
        "sin to the gradient, in side",
        "",
        "none",
        "Largest principal angle of A's top-r* subspace to the gradient's; the paper's distance",
    ),
    Quantity(
        "sin_out",
        "sin to the gradient, out side",
        "",
        "none",
        "Largest principal angle of B's top-r* subspace to the gradient's",
    ),
    Quantity("learning_rate", "Learning rate", "", "none", "Of the step, after the schedule"),
)
METRICS: dict[str, Quantity] = {row.name: row for row in _ROWS_METRIC}

_ROWS_SUMMARY = (
    Quantity("held_out_loss_before", "Held-out before init", "nats", "lower", "Of training texts"),
    Quantity("held_out_loss_after", "Held-out after init", "nats", "lower", "Before any training"),
    Quantity("gamma", "γ in use", "", "none", "Named in the spec, or found"),
    Quantity("train_seconds", "Training time", "s", "lower", "Without evaluation and probes"),
    Quantity(
        "memory_bytes",
        "Memory",
        "bytes",
        "lower",
        "What the process held after training, or the most that was taken of the GPU",
    ),
    Quantity("trained_parameters", "Trained parameters", "", "lower", "Adapter and head"),
    Quantity("tokens", "Training tokens", "", "none", "Without padding"),
)
# What a run says of itself at its end, beside the last value of every metric.
SUMMARY: dict[str, Quantity] = {row.name: row for row in _ROWS_SUMMARY}

_ROWS_SCALAR = (
    Quantity("sigma1", "Largest singular value σ₁", "", "none", "The spectral norm"),
    Quantity("frobenius", "Frobenius norm", "", "none", "√Σσ²"),
    Quantity("stable_rank", "Stable rank", "", "none", "‖·‖_F² / σ₁²"),
    Quantity("effective_rank", "Effective rank", "", "none", "exp of the entropy of σ²/Σσ²"),
    Quantity("energy_top_r", "Energy in the top r", "", "none", "Σ_{i≤r} σ² / Σσ²"),
    Quantity("gap", "Gap σ_{r+1}/σ_r", "", "none", "Near 1 the top-r subspace is ill-defined"),
)
SCALARS: dict[str, Quantity] = {row.name: row for row in _ROWS_SCALAR}

_ROWS_SPECTRUM = (
    Quantity("gradient", "Gradient G", "", "none", "The one-step gradient of the mean loss"),
    Quantity("weight", "Pretrained weight W", "", "none", "Before any change"),
    Quantity("init", "Initial adapter s·B₀A₀", "", "none", "What the initialisation adds"),
    Quantity("update", "Trained update", "", "none", "s·BA − s·B₀A₀: what training added"),
    Quantity("change", "Total change", "", "none", "Final effective weight minus pretrained W"),
)
SPECTRA: dict[str, Quantity] = {row.name: row for row in _ROWS_SPECTRUM}

_ROWS_COLUMN = (
    LayerMetric(
        "relative",
        "Size of the init ‖s·B₀A₀‖_F / ‖W‖_F",
        "",
        "none",
        "How large the initial adapter is beside the weight",
        axis="log",
    ),
    LayerMetric(
        "norm",
        "Spectral norm of the init ‖s·B₀A₀‖₂",
        "",
        "none",
        "The largest change that the initial adapter makes to an input of length 1",
        axis="log",
    ),
    LayerMetric(
        "base_change",
        "Change of the base ‖W_base − W₀‖_F / ‖W₀‖_F",
        "",
        "none",
        "Zero for methods that leave the pretrained weight alone",
        axis="log",
    ),
    LayerMetric(
        "svd_error",
        "SVD error over the best rank-r error",
        "",
        "lower",
        "‖G − Ĝ_r‖_F / ‖G − G_r‖_F − 1, estimated from residuals; 0 is perfect",
        axis="log",
    ),
    LayerMetric(
        "gap",
        "Gap σ_{r+1}/σ_r of the gradient",
        "",
        "none",
        "Near 1 the top-r subspace is ill-defined, and no angle to it means much",
        axis="share",
    ),
    LayerMetric(
        "trust_left",
        "Gradient trust, out side (mean cos²)",
        "",
        "higher",
        "Agreement of the top-r left subspaces of the gradient batch's two halves",
        axis="share",
        chance="left",
    ),
    LayerMetric(
        "trust_right",
        "Gradient trust, in side (mean cos²)",
        "",
        "higher",
        "Agreement of the top-r right subspaces of the gradient batch's two halves",
        axis="share",
        chance="right",
    ),
    LayerMetric(
        "update_left",
        "Update and gradient, out side (mean cos²)",
        "",
        "none",
        "Top-r left subspace of what training added beside the gradient's",
        when="update",
        axis="share",
        chance="left",
    ),
    LayerMetric(
        "update_right",
        "Update and gradient, in side (mean cos²)",
        "",
        "none",
        "Top-r right subspace of what training added beside the gradient's",
        when="update",
        axis="share",
        chance="right",
    ),
    LayerMetric(
        "update_cosine",
        "Cosine of the update to −G",
        "",
        "none",
        "⟨ΔW, −G⟩ / (‖ΔW‖_F ‖G‖_F): 1 is a step straight down the first gradient",
        when="update",
        axis="signed",
    ),
    LayerMetric(
        "full_left",
        "Change and full fine-tuning's, out side (mean cos²)",
        "",
        "none",
        "Top-r left subspace of the total change beside that of full fine-tuning, same seed",
        when="update",
        axis="share",
        chance="left",
    ),
    LayerMetric(
        "full_right",
        "Change and full fine-tuning's, in side (mean cos²)",
        "",
        "none",
        "Top-r right subspace of the total change beside that of full fine-tuning, same seed",
        when="update",
        axis="share",
        chance="right",
    ),
    LayerMetric(
        "intruders",
        "Intruder dimensions",
        "",
        "none",
        "Strong directions of the tuned weight that are like none of the pretrained weight's",
        when="update",
        axis="count",
    ),
)
LAYER_METRICS: dict[str, LayerMetric] = {row.name: row for row in _ROWS_COLUMN}
