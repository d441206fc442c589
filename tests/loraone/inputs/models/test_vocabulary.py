"""The ids of a tokenizer are rows of the model's embedding, and batches can be padded."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from tokenizers import processors
from torch import Tensor

from loraone.errors import ModelError
from loraone.events import Finished
from loraone.inputs.models import loading
from loraone.inputs.models.paths import preflight
from loraone.runs.run import run
from loraone.spec.model import ModelSpec
from tests.conftest import WORDS, tiny_run
from tests.loraone.inputs.models.checkpoints import (
    CLASSIFIES,
    VOCABULARY,
    copied,
    reweighted,
    saved,
    tokenizer,
)
from tests.loraone.methods.tiny import refused

CPU = torch.device("cpu")
TASKS = {"bert": CLASSIFIES, "gpt2": "causal-lm", "llama": "causal-lm", "t5": "seq2seq-lm"}
# The words of the texts stand behind words that the models do not know.
LARGER = {
    word: i for i, word in enumerate(["<pad>", "<unk>", "</s>", *map(str, range(40)), *WORDS])
}


@pytest.mark.parametrize("name", TASKS)
def test_a_tokenizer_of_a_larger_vocabulary_is_refused(
    name: str, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = copied(tiny_models[name], tmp_path / name)
    tokenizer(LARGER).save_pretrained(folder)
    spec = tiny_run(folder, texts_csv, task=TASKS[name])
    (error,) = preflight(spec, None)
    failed = refused(spec)
    assert (failed.code, failed.field) == ("model-not-usable", "model.id")
    assert failed.message == error.message
    assert "ids up to 60, and the embedding 21 rows" in failed.message
    assert failed.allowed == "token ids from 0 to 20"
    assert "resize_token_embeddings" in str(failed.hint)


def with_added(folder: Path, token: str) -> Path:
    more = tokenizer()
    more.add_tokens([token])
    more.save_pretrained(folder)
    return folder


def test_a_token_that_was_added_matters_where_a_text_has_it(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    rare = with_added(copied(tiny_models["llama"], tmp_path / "rare"), "<image>")
    *_, last = run(tiny_run(rare, texts_csv))
    assert isinstance(last, Finished), last
    common = with_added(copied(tiny_models["llama"], tmp_path / "common"), "sofa")
    file = tmp_path / "sofas.csv"
    file.write_text(texts_csv.read_text().replace("house", "sofa"))
    failed = refused(tiny_run(common, file))
    assert "ids up to 21, and the embedding 21 rows" in failed.message
    assert failed.field == "model.id"


def test_a_padding_token_without_a_row_is_named(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = copied(tiny_models["llama"], tmp_path / "padded")
    more = tokenizer()
    more.add_special_tokens({"pad_token": "[PAD]"})
    more.save_pretrained(folder)
    failed = refused(tiny_run(folder, texts_csv))
    assert "'[PAD]'" in failed.message
    assert "has id 21" in failed.message
    assert "eos_token" in str(failed.hint)


@pytest.mark.parametrize("name", TASKS)
def test_a_tokenizer_without_padding_and_end_is_refused(
    name: str, tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = copied(tiny_models[name], tmp_path / name)
    tokenizer(bos_token="</s>").save_pretrained(folder)
    failed = refused(tiny_run(folder, texts_csv, task=TASKS[name]))
    assert (failed.code, failed.field) == ("model-not-usable", "model.id")
    assert "neither a padding nor an end-of-text token" in failed.message
    assert "pad_token" in str(failed.hint)


def test_one_with_an_end_alone_pads_with_it(tiny_models: dict[str, Path], tmp_path: Path) -> None:
    folder = copied(tiny_models["gpt2"], tmp_path / "gpt2")
    tokenizer(eos_token="</s>").save_pretrained(folder)
    loaded = loading.load(ModelSpec(id=str(folder)), CLASSIFIES, 2, CPU)
    assert loaded.tokenizer.pad_token_id == loaded.model.config.pad_token_id == 2


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_an_empty_vocabulary_is_not_taken_for_a_tokenizer(name: str, tmp_path: Path) -> None:
    """transformers makes a tokenizer of special tokens alone where the vocabulary is missing."""
    folder = saved(name, tmp_path / name)
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n")
    (folder / "vocab.json").write_text('{"<|endoftext|>": 0}')
    (folder / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(ModelError) as error:
        loading.load(ModelSpec(id=str(folder)), CLASSIFIES, 2, CPU)
    assert "knows no words" in error.value.message or "cannot be loaded" in error.value.message


def test_a_unigram_vocabulary_is_counted_by_its_places(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    folder = copied(tiny_models["llama"], tmp_path / "unigram")
    parsed = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = [[word, -1.0] for word in LARGER]
    parsed["model"] = {"type": "Unigram", "unk_id": 1, "vocab": vocabulary}
    (folder / "tokenizer.json").write_text(json.dumps(parsed))
    (error,) = preflight(tiny_run(folder, texts_csv), None)
    assert "ids up to 60" in error.message


def test_an_embedding_of_another_vocabulary_than_the_configuration_is_never_drawn_anew(
    tiny_models: dict[str, Path], texts_csv: Path, tmp_path: Path
) -> None:
    def longer(weights: dict[str, Tensor]) -> dict[str, Tensor]:
        key = "bert.embeddings.word_embeddings.weight"
        return weights | {key: torch.randn(len(VOCABULARY) + 5, 16)}

    folder = reweighted(copied(tiny_models["bert"], tmp_path / "bert"), longer)
    failed = refused(tiny_run(folder, texts_csv, task=CLASSIFIES))
    assert "word_embeddings.weight as 26 × 16, and config.json describes 21 × 16" in failed.message


def test_an_encoder_decoder_that_classifies_needs_the_end_in_every_text(
    texts_csv: Path, tmp_path: Path
) -> None:
    folder = saved("bart", tmp_path / "bart")
    failed = refused(tiny_run(folder, texts_csv, task=CLASSIFIES))
    assert "end-of-text token (id 2), which its tokenizer puts 0 times" in failed.message
    ending = tokenizer()
    ending.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 2)]
    )
    ending.save_pretrained(folder)
    *_, last = run(tiny_run(folder, texts_csv, task=CLASSIFIES))
    assert isinstance(last, Finished), last
    twice = tmp_path / "twice.csv"
    lines = texts_csv.read_text().splitlines()
    draw = random.Random(0)
    twice.write_text(
        "\n".join(
            [lines[0]] + [f"</s> {line}" if draw.random() < 0.5 else line for line in lines[1:]]
        )
        + "\n"
    )
    failed = refused(tiny_run(folder, twice, task=CLASSIFIES))
    assert "1 or 2 times" in failed.message
