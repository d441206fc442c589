"""What will go wrong with the weights and layers of a model, foreseen from a checkpoint's headers.

A plan says it, at once and without torch. Names in headers are not always those of modules, so a
launch is not refused for it: the loaded model has the last word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from loraone.catalog import METHODS, TASKS
from loraone.errors import LoraOneError, ModelError
from loraone.inputs.models import checkpoint, experts
from loraone.inputs.models.checkpoint import Checkpoint, StoredMatrix
from loraone.inputs.models.fit import read_config
from loraone.inputs.models.folder import CONFIG
from loraone.inputs.models.location import local_folder
from loraone.spec.applicability import check_layers
from loraone.spec.experiment import ExperimentSpec, RunSpec, _Shared
from loraone.spec.model import ModelSpec

# Read in both directions unless their configuration says is_decoder.
_ENCODERS = (
    "bert",
    "bert-generation",
    "big_bird",
    "camembert",
    "data2vec-text",
    "electra",
    "ernie",
    "megatron-bert",
    "rembert",
    "roberta",
    "roberta-prelayernorm",
    "roc_bert",
    "roformer",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)
# Their linear layers are transformers' Conv1D, which stores the transpose.
_CONV1D = ("gpt2", "openai-gpt", "imagegpt", "decision_transformer")
# Heads of language models and of classifiers: a task has the one kind, a checkpoint may hold the
# other. Its own need not be stored, as it is drawn anew, or tied as embeddings may be.
_LANGUAGE_HEAD = re.compile(r"^(lm_head|embed_out|cls|lm_loss|vocab_\w+)\b")
_CLASSIFIER = re.compile(r"^(classifier|score|classification_head)\b")
_NOT_STORED = {
    False: re.compile(_LANGUAGE_HEAD.pattern + r"|^decoder$"),
    True: re.compile(
        _CLASSIFIER.pattern + r"|^(pre_classifier|head|logits_proj|pooler|sequence_summary)\b"
        r"|^(dense|out_proj|summary)$"
    ),
}
_TIED = ("embed_tokens", "shared")
_EMBEDDING = re.compile(
    r"(^|\.)(word_embeddings?|embed_tokens|wte|shared|tok_embeddings|embed_in)\.weight$"
)
_STACK = re.compile(r"^(?P<stack>(?:.*?\.)??(?:layers?|h|blocks?))\.(?P<index>\d{1,9})\.")


def foresee(spec: _Shared) -> list[LoraOneError]:
    """What will make every run fail: weights that are missing, layers that there are not."""
    found = _stored(spec)
    if found is None:
        return []
    config, stored = found
    errors: list[LoraOneError] = []
    for look in (_look_at_direction, _look_at_blocks, _look_at_embedding, _look_at_targets):
        try:
            look(spec, config, stored)
        except LoraOneError as error:
            errors.append(error)
    return errors


def foresee_runs(spec: ExperimentSpec, runs: Sequence[RunSpec]) -> list[LoraOneError | None]:
    """For each run why it will fail at the layers that it would adapt, such as a rank that is too
    high, or None. ``field`` is that of the experiment."""
    found = _stored(spec)
    layers = [] if found is None else _layers(spec, *found)
    known: dict[tuple[str, int], LoraOneError | None] = {}
    for run in runs:
        key = run.method.label, run.rank
        if layers and key not in known:
            known[key] = _foresee_run(spec, run, layers)
    return [known.get((run.method.label, run.rank)) for run in runs]


def left_out(spec: _Shared) -> list[str]:
    """What of the model all-linear does not adapt: its experts, with their share of the weights."""
    found = None if spec.model.targets != "all-linear" else _stored(spec)
    if found is None or spec.model.target_parameters == "experts" or not found[1].experts:
        return []
    return [experts.left_out(found[1].expert_weights, found[1].parameters)]


def _foresee_run(
    spec: ExperimentSpec, run: RunSpec, layers: Sequence[StoredMatrix]
) -> LoraOneError | None:
    try:
        check_layers(layers, METHODS[run.method.name], run.rank, run.method.params)
    except LoraOneError as error:
        if error.field == "rank":
            error.field = f"grid.ranks.{spec.grid.ranks.index(run.rank)}"
        if error.field == "methods":
            names = [method.name for method in spec.methods]
            error.field = f"methods.{names.index(run.method.name)}.name"
        return error
    return None


def _stored(spec: _Shared) -> tuple[dict[str, Any], Checkpoint] | None:
    """Configuration and headers of the model; None where there is none on this machine."""
    if TASKS[spec.task].synthetic:
        return None
    sizes = checkpoint.read(spec.model)
    try:
        folder = None if sizes is None else local_folder(spec.model)
    except ModelError:  # it has just been removed
        return None
    return None if sizes is None or folder is None else (read_config(folder), sizes)


def _look_at_direction(spec: _Shared, config: Mapping[str, Any], _: Checkpoint) -> None:
    kind = config.get("model_type")
    if TASKS[spec.task].predicts != "next-token" or config.get("is_decoder") is True:
        return
    if kind in _ENCODERS:
        raise reads_both_ways(spec.model.id, str(kind))


def reads_both_ways(name: str, kind: str) -> ModelError:
    """The refusal of an encoder that would be asked for tokens which it sees."""
    return ModelError(
        f"{name} ({kind}) is an encoder: it sees the tokens that it would have to predict",
        field="model.id",
        value=name,
        allowed="a decoder, such as GPT-2, Llama or Qwen",
        hint="choose a decoder, or the task sequence-classification for this model",
    )


def _look_at_blocks(spec: _Shared, config: Mapping[str, Any], stored: Checkpoint) -> None:
    """Blocks are numbered without a gap, and are as many as the configuration says."""
    stacks: dict[str, dict[int, list[str]]] = {}
    for name in stored.shapes:
        if match := _STACK.match(name):
            blocks = stacks.setdefault(match["stack"], {})
            blocks.setdefault(int(match["index"]), []).append(name[match.end() :])
    keys = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
    said = next((config[key] for key in keys if isinstance(config.get(key), int)), None)
    for stack, blocks in stacks.items():
        count = said if said is not None and len(stacks) == 1 else max(blocks) + 1
        # A configuration may say any number: the first that are missing are enough to say so.
        missing = list(islice((index for index in range(count) if index not in blocks), 6))
        if missing:
            example = f"{stack}.{missing[0]}.{next(iter(blocks.values()))[0]}"
            blocks_said = ", ".join(map(str, missing[:5])) + (", …" if len(missing) > 5 else "")
            raise ModelError(
                f"the checkpoint {spec.model.id} has no {stack}.{blocks_said} of {count} blocks, "
                f"such as {example}: these weights would be drawn at random",
                field="model.id",
                value=spec.model.id,
                allowed="a checkpoint with the weights of all blocks",
                hint=f"download the whole model, or correct the number of layers in {CONFIG}",
            )


def _look_at_embedding(spec: _Shared, config: Mapping[str, Any], stored: Checkpoint) -> None:
    rows = config.get("vocab_size")
    for name, shape in stored.shapes.items():
        if isinstance(rows, int) and _EMBEDDING.search(name) and shape[:1] not in ((), (rows,)):
            raise ModelError(
                f"{name} of {spec.model.id} has {shape[0]} rows, and {CONFIG} says vocab_size "
                f"{rows}: this weight would be drawn at random",
                field="model.id",
                value=spec.model.id,
                allowed="weights and a configuration of the same sizes",
                hint=f"take both from one model, or correct {CONFIG}",
            )


def _look_at_targets(spec: _Shared, config: Mapping[str, Any], stored: Checkpoint) -> None:
    """Each is a matrix of the checkpoint, or may be one that is not stored."""
    if spec.model.target_parameters == "experts" and not stored.experts:
        raise no_experts(spec.model)
    if spec.model.targets == "all-linear":
        if not stored.targets(spec.model):
            raise nothing_to_adapt(spec.model)
        return
    new_head = TASKS[spec.task].new_head
    other, own = (_LANGUAGE_HEAD if new_head else _CLASSIFIER), _NOT_STORED[new_head]
    names = [matrix.name for matrix in stored.matrices if not other.search(matrix.name)]
    if stored.experts:
        return  # transformers joins the experts' weights under other names
    for target in spec.model.targets:
        last = target.rsplit(".", 1)[-1]
        known = own.search(target) or own.search(last) or last in _TIED
        if not known and not any(checkpoint.is_named(name, target) for name in names):
            raise no_such_layer(spec.model.id, target, names)


def nothing_to_adapt(model: ModelSpec) -> ModelError:
    """The refusal of a model without a linear layer in numbered blocks."""
    return ModelError(
        f"{model.id} has no linear layer to adapt in its transformer blocks",
        field="model.targets",
        value=model.targets,
        allowed="a model with nn.Linear or Conv1D layers, or their names",
    )


def no_experts(model: ModelSpec) -> ModelError:
    """The refusal of experts of a model that has none."""
    return ModelError(
        f"{model.id} is no mixture of experts: no parameter in its blocks holds a matrix for each",
        field="model.target_parameters",
        value=model.target_parameters,
        allowed="none",
    )


def no_such_layer(model: str, target: str, names: Sequence[str]) -> ModelError:
    """The refusal of a target layer that is none of ``names``."""
    kinds = ", ".join(sorted({name.rsplit(".", 1)[-1] for name in names}))
    return ModelError(
        f"no linear layer of {model} is named {target!r}; it has: {kinds}",
        field="model.targets",
        value=target,
        allowed=kinds,
    )


def _layers(spec: _Shared, config: Mapping[str, Any], stored: Checkpoint) -> list[StoredMatrix]:
    """The stored matrices that would be adapted."""
    conv1d = config.get("model_type") in _CONV1D
    targets = spec.model.targets
    of_experts = stored.experts if spec.model.target_parameters == "experts" else {}
    chosen = [
        matrix
        for matrix in stored.matrices
        if (
            matrix.name in stored.layers and matrix.shape[0] > 1
            if targets == "all-linear"
            else any(checkpoint.is_named(matrix.name, target) for target in targets)
        )
    ]
    # bitsandbytes makes a linear layer of what it quantises, and stores it as one.
    asked = spec.model.quantization != "none"
    return [
        replace(
            matrix,
            conv1d=not asked,
            quantised=asked,
            shape=(matrix.shape[1], matrix.shape[0]),
        )
        if conv1d and matrix.name in stored.layers and not matrix.quantised
        else replace(matrix, quantised=True)
        if asked and matrix.name in stored.layers
        else replace(matrix, shape=(matrix.shape[1], matrix.shape[0]))
        if matrix.embedding
        else matrix
        for matrix in chosen
    ] + [StoredMatrix(name, shape, embedding=False) for name, shape in of_experts.items()]
