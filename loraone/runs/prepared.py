"""A loaded model with its data, before any run has touched it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields

import torch
from torch import Tensor

from loraone.catalog import TASKS
from loraone.errors import DataError
from loraone.events import Progress
from loraone.inputs.data import batches
from loraone.inputs.data.batches import Encoded
from loraone.inputs.data.texts import TextData
from loraone.inputs.data.texts import load as texts_of
from loraone.inputs.models import loading, positions
from loraone.inputs.models.digests import combined, weight_digests
from loraone.inputs.models.encoded import check_encoded
from loraone.inputs.models.forward import check_forward
from loraone.inputs.models.loading import LoadedModel
from loraone.inputs.models.pretrained import PretrainedWeights
from loraone.inputs.models.targets import left_out
from loraone.linalg.spectra import Spectrum
from loraone.progress import Steps
from loraone.spec.start import InputsSpec


@dataclass(frozen=True)
class Prepared:
    """A loaded model with its data.

    ``digests`` are those of all its tensors as they were loaded. ``fingerprint`` is a hash of all
    that was loaded and that a gradient depends on: weights and configuration of the model, token
    ids and labels. ``weight_spectra`` are the singular values of the target layers' weights, by
    layer, as far as they were asked for.
    ``calls`` are those of each target layer in a forward pass. ``notes`` say what of the data is
    not used, or cannot be learnt from, and what of the model is left out though it may not seem so.
    """

    loaded: LoadedModel
    texts: TextData
    train: Encoded
    evaluation: Encoded
    digests: dict[str, str]
    pretrained: PretrainedWeights
    fingerprint: str
    notes: tuple[str, ...] = ()
    weight_spectra: dict[str, Spectrum] = field(default_factory=dict)
    left_vectors: dict[str, Tensor] = field(default_factory=dict)
    calls: Mapping[str, int] = field(default_factory=dict)

    def weights_hash(self) -> str:
        """That of the whole model with the head that it has now, on the weights that were loaded.

        Nothing is read but the head.
        """
        return combined(self.digests | loading.head_digests(self.loaded))


def load(spec: InputsSpec, device: torch.device) -> Steps[Prepared]:
    """Load the data and the model that ``spec`` names, and say how far that is.

    What the checkpoint lacks, such as a pooler, is drawn as in any other process.
    """
    task = TASKS[spec.task]
    yield Progress("load", 0, 2, "data")
    texts = texts_of(spec.data, labelled=task.labelled)
    yield Progress("load", 1, 2, "model")
    with torch.random.fork_rng(devices=[] if device.type == "cpu" else [device]):
        torch.manual_seed(0)
        loaded = loading.load(spec.model, spec.task, len(texts.label_names), device)
    loading.reset_head(loaded, 0)  # each start draws its own
    loaded.model.requires_grad_(False)
    if task.new_head:  # transformers would guess it from the labels of the first batch
        loaded.model.config.problem_type = "single_label_classification"
    length = spec.data.max_length
    positions.check_model(loaded.model, spec)
    tokenizer = loaded.tokenizer
    targets = texts.label_names if task.predicts == "label-text" else None
    causal = task.predicts == "next-token"
    sides = [
        batches.encode(tokenizer, lines, labels, length, causal, targets)
        for lines, labels in (
            (texts.train_texts, texts.train_labels),
            (texts.eval_texts, texts.eval_labels),
        )
    ]
    notes = (*_notes(spec, texts, *sides), *_notes_on_base(loaded))
    if not_adapted := left_out(loaded.model, spec.model):
        notes += (not_adapted,)
    for side in sides:
        check_encoded(side, loaded, spec)
    calls = check_forward(loaded, sides[0].batch([0, len(sides[0]) - 1], device), spec)
    digests = weight_digests(loaded.model)
    pretrained = PretrainedWeights(loaded, spec.model, digests)
    fingerprint = _fingerprint(loaded, digests, sides)
    yield Progress("load", 2, 2)
    of_both = texts, sides[0], sides[1]
    return Prepared(loaded, *of_both, digests, pretrained, fingerprint, notes, calls=calls)


def _fingerprint(loaded: LoadedModel, digests: Mapping[str, str], sides: list[Encoded]) -> str:
    """SHA-256 over the model and both splits as they are used, whatever files they came from."""
    digest = hashlib.sha256(type(loaded.model).__name__.encode())
    digest.update(combined(digests).encode())
    digest.update(loaded.model.config.to_json_string(use_diff=False).encode())
    for side in sides:
        digest.update(json.dumps([getattr(side, each.name) for each in fields(side)]).encode())
    return digest.hexdigest()


def _notes_on_base(loaded: LoadedModel) -> tuple[str, ...]:
    """Which W is meant where not all that the checkpoint holds is held."""
    quantised = [layer for layer in loaded.layers if layer.quantised]
    if not quantised:
        return ()
    whole = len(loaded.layers) - len(quantised)
    beside = f"; {whole} of {len(loaded.layers)} target layers are not" if whole else ""
    return (
        "the base is quantised: W in spectra, metrics and factors is what its bits stand for"
        + beside,
    )


def _notes(
    spec: InputsSpec, texts: TextData, train: Encoded, evaluation: Encoded
) -> tuple[str, ...]:
    """What was left out on the way, and labels that training never sees.

    Raises DataError where a side of the split has no text with enough tokens.
    """
    notes = list(texts.notes)
    for side, given, encoded in (
        ("training", texts.train_texts, train),
        ("evaluation", texts.eval_texts, evaluation),
    ):
        if not len(encoded):
            raise DataError(
                f"none of the {len(given)} {side} texts of {spec.data.source} has enough tokens "
                "for a loss",
                field="data.text_column",
                value=spec.data.text_column,
                allowed="texts of at least 2 tokens, 1 where a label is predicted",
            )
        if len(encoded) < len(given):
            short = len(given) - len(encoded)
            notes.append(f"{short} of {len(given)} {side} texts have too few tokens for a loss")
    if TASKS[spec.task].predicts == "class":
        seen = set(train.labels)
        unseen = [label for label in evaluation.labels if label not in seen]
        if unseen:
            notes.append(
                f"{len(unseen)} of {len(evaluation)} evaluation texts have a label that no "
                f"training text has ({len(set(unseen))} labels): they cannot be predicted"
            )
    return tuple(notes)
