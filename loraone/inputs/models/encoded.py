"""Whether a model can take the texts as they were tokenised."""

from __future__ import annotations

from collections.abc import Sequence

from loraone.catalog import TASKS
from loraone.errors import ModelError
from loraone.inputs.data.batches import Encoded
from loraone.inputs.models import positions, vocabulary
from loraone.inputs.models.loading import LoadedModel, embedding_rows
from loraone.spec.start import InputsSpec


def check_encoded(texts: Encoded, loaded: LoadedModel, spec: InputsSpec) -> None:
    """Raise ModelError or SpecError where a token has no row in the embedding, an answer no
    position in the decoder, or a text not the one end that an encoder-decoder reads."""
    rows, name = embedding_rows(loaded.model), spec.model.id
    vocabulary.check_ids(texts.ids, rows, name)
    if TASKS[spec.task].predicts == "label-text":
        written: Sequence[Sequence[int]] = [row for row in texts.labels if isinstance(row, tuple)]
        vocabulary.check_ids(written, rows, name)
        allowed = positions.table_length(loaded.model, decoder=True)
        positions.check_length(max(map(len, written), default=0), allowed, name)
    elif TASKS[spec.task].new_head and loaded.model.config.is_encoder_decoder:
        _check_ends(texts.ids, loaded, spec)


def _check_ends(ids: Sequence[Sequence[int]], loaded: LoadedModel, spec: InputsSpec) -> None:
    """An encoder-decoder classifies what stands at the end-of-text token, once in each text."""
    end = loaded.model.config.eos_token_id
    counts = {row.count(end) for row in ids}
    if len(counts) != 1 or counts == {0}:
        raise ModelError(
            f"{spec.model.id} classifies a text by its end-of-text token (id {end}), which its "
            f"tokenizer puts {' or '.join(map(str, sorted(counts)))} times into a text",
            field="model.id",
            value=spec.model.id,
            allowed="a tokenizer that ends each text with it, and texts that do not hold it",
            hint="choose an encoder or a decoder for classification, or the task seq2seq-lm",
        )
