"""What a model can be trained to do: one row for each task, which says all that code asks of it."""

from __future__ import annotations

from loraone.catalog.rows import Task

_ROWS = (
    Task(
        "sequence-classification",
        "Sequence classification",
        "One label for each text; a new linear head is trained beside the adapter",
        "accuracy",
        "AutoModelForSequenceClassification",
        "SEQ_CLS",
        predicts="class",
        curves=("eval_loss", "train_loss", "accuracy", "grad_norm", "learning_rate"),
    ),
    Task(
        "causal-lm",
        "Causal language modelling",
        "The next token of each text",
        "perplexity",
        "AutoModelForCausalLM",
        "CAUSAL_LM",
        predicts="next-token",
        curves=("eval_loss", "train_loss", "perplexity", "grad_norm", "learning_rate"),
    ),
    Task(
        "seq2seq-lm",
        "Sequence to sequence",
        "An encoder-decoder writes the label's text",
        "perplexity",
        "AutoModelForSeq2SeqLM",
        "SEQ_2_SEQ_LM",
        predicts="label-text",
        curves=("eval_loss", "train_loss", "perplexity", "grad_norm", "learning_rate"),
    ),
    Task(
        "teacher-student",
        "Teacher–student problem",
        "The theory's own setting: Gaussian inputs, a teacher that differs by a low-rank change",
        "relative_loss",
        "",
        "",
        predicts="teacher",
        curves=("relative_loss", "fresh_loss", "sin_in", "sin_out"),
        run="loraone.theory.run:run",
    ),
)
TASKS: dict[str, Task] = {row.name: row for row in _ROWS}

# What runs can be judged by, whatever their task.
JUDGES: tuple[str, ...] = tuple(dict.fromkeys(name for row in _ROWS for name in row.judges))
