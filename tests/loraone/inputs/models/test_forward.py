"""A model can compute with its texts, and does not see the token that it predicts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import transformers

from loraone.errors import ModelError
from loraone.events import Failed, Finished
from loraone.inputs.models import loading
from loraone.inputs.models.forward import check_causal
from loraone.runs.run import run
from loraone.spec.model import ModelSpec
from tests.conftest import tiny_run
from tests.loraone.inputs.models.checkpoints import VOCABULARY, WRITES, reconfigured, saved

CPU = torch.device("cpu")


def ends(folder: Path, data: Path, task: str = WRITES, dtype: str = "float32") -> object:
    """The last event of a run on the checkpoint in ``folder``."""
    model = {"id": str(folder), "dtype": dtype}
    return list(run(tiny_run(folder, data, task=task, model=model)))[-1]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        ("bert-mlm", "float32"),
        ("bert-mlm", "bfloat16"),
        ("roberta", "float32"),
        ("xlnet", "float32"),
    ],
)
def test_an_encoder_is_refused_though_no_weight_is_missing(
    name: str, dtype: str, texts_csv: Path, tmp_path: Path
) -> None:
    failed = ends(saved(name, tmp_path / name), texts_csv, dtype=dtype)
    assert isinstance(failed, Failed)
    assert "sees the tokens that it would have to predict" in failed.message
    assert failed.field == "model.id"
    assert "sequence-classification" in str(failed.hint)


def test_the_same_encoder_as_a_decoder_is_taken(texts_csv: Path, tmp_path: Path) -> None:
    folder = reconfigured(saved("bert-mlm", tmp_path / "bert"), is_decoder=True)
    assert isinstance(ends(folder, texts_csv), Finished)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["gpt2", "opt", "neox", "bloom"])
def test_a_decoder_is_taken_in_every_number_format(
    name: str, dtype: str, texts_csv: Path, tmp_path: Path
) -> None:
    assert isinstance(ends(saved(name, tmp_path / name), texts_csv, dtype=dtype), Finished)


def test_a_model_that_cannot_compute_in_a_format_names_it(texts_csv: Path, tmp_path: Path) -> None:
    """XLNet makes its masks in float32 whatever its weights are."""
    failed = ends(saved("xlnet", tmp_path / "xlnet"), texts_csv, dtype="bfloat16")
    assert isinstance(failed, Failed)
    assert (failed.code, failed.field, failed.value) == (
        "model-not-usable",
        "model.dtype",
        "bfloat16",
    )
    assert "float32" in str(failed.hint)


def test_experts_that_share_their_tokens_are_no_sign_of_an_encoder() -> None:
    config = transformers.MixtralConfig(
        vocab_size=len(VOCABULARY),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        num_local_experts=4,
    )
    torch.manual_seed(0)
    model = transformers.MixtralForCausalLM(config).to(torch.bfloat16).eval()
    check_causal(model, len(VOCABULARY), ModelSpec(id="mixtral"))


@pytest.mark.parametrize(
    ("name", "task", "allowed"),
    [
        ("gpt2", "seq2seq-lm", "Sequence classification, Causal language modelling"),
        ("distilbert", "causal-lm", "Sequence classification"),
        ("roberta", "seq2seq-lm", "Sequence classification, Causal language modelling"),
    ],
)
def test_a_type_that_has_no_such_task_is_told_which_it_has(
    name: str, task: str, allowed: str, tmp_path: Path
) -> None:
    spec = ModelSpec(id=str(saved(name, tmp_path / name)))
    with pytest.raises(ModelError, match="transformers cannot use for") as error:
        loading.load(spec, task, 2, CPU)
    assert (error.value.field, error.value.value) == ("task", task)
    assert error.value.allowed == allowed


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    folder = saved("gpt2", tmp_path / "gpt2")
    own = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    reconfigured(folder, model_type="own", auto_map=own)
    (folder / "own.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(ModelError, match="code of its own") as error:
        loading.load(ModelSpec(id=str(folder)), WRITES, 0, CPU)
    assert "own" in error.value.message
    assert str(error.value.allowed)
