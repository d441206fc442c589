"""Formulas in float64 numpy, what PEFT has of the same, and the traps of PEFT that are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft import (
    LoraConfig,
    LoraGAConfig,
    get_peft_model,
)
from pydantic import ValidationError
from torch import nn

from loraone.adapters.adapted import Adapted
from loraone.catalog import METHODS
from loraone.errors import SpecError
from loraone.inputs.models import loading
from loraone.linalg.svd import truncated_svd
from loraone.methods.base import Factors, Initialisation, InitProblem
from loraone.methods.loftq import factors as loftq
from loraone.methods.loftq.row import LoftqParams
from loraone.methods.lora_ga import factors as lora_ga
from loraone.methods.lora_ga.row import LoraGaParams
from loraone.methods.lora_ga_paper import factors as lora_ga_paper
from loraone.methods.lora_one import factors as lora_one
from loraone.methods.lora_one.row import LoraOneParams
from loraone.methods.lora_sb import factors as lora_sb
from loraone.methods.lora_sb.row import LoraSbParams
from loraone.methods.random_matched import factors as random_matched
from loraone.spec import applicability
from loraone.spec.experiment import ExperimentSpec
from tests.conftest import tiny_run
from tests.loraone.methods.test_peft_inits import no_data


def problem(G: torch.Tensor, r: int, triplets: int, s: float = 1.0) -> InitProblem:
    return InitProblem(
        gradients={"layer": truncated_svd(G, r * triplets)},
        rank=r,
        scaling=s,
        generator=torch.Generator().manual_seed(0),
        held_out_loss=lambda factors: 0.0,
    )


def drawn(m: int, n: int, seed: int) -> torch.Tensor:
    return torch.randn(m, n, generator=torch.Generator().manual_seed(seed)) * 0.1


def separated(m: int, n: int, seed: int) -> torch.Tensor:
    """A matrix whose singular values are 0.7 apart, so that its vectors are well defined."""
    k = min(m, n)
    left, right = torch.linalg.qr(drawn(m, k, seed))[0], torch.linalg.qr(drawn(n, k, seed + 1))[0]
    return left * 0.7 ** torch.arange(float(k)) @ right.T


def same_up_to_sign(found: torch.Tensor, expected: np.ndarray) -> None:
    """Columns agree, each up to its sign: singular vectors have none of their own."""
    got = found.double().numpy()
    signs = np.sign((got * expected).sum(axis=0))
    np.testing.assert_allclose(got * signs, expected, atol=1e-4 * np.abs(expected).max())


@given(m=st.integers(8, 20), n=st.integers(8, 20), r=st.integers(1, 4), seed=st.integers(0, 50))
def test_lora_ga_is_the_papers_formula(m: int, n: int, r: int, seed: int) -> None:
    G = separated(m, n, seed)
    found = lora_ga_paper.initialise(problem(G, r, 2), LoraGaParams(gamma=16))
    U, _, Vh = np.linalg.svd(G.double().numpy(), full_matrices=False)
    c = m**0.25 / 16**0.5
    same_up_to_sign(found.factors["layer"].A.T, Vh[:r].T * c)
    same_up_to_sign(found.factors["layer"].B, U[:, r : 2 * r] * c)
    assert found.offset_base


def test_pefts_form_depends_on_the_scale_of_the_loss_and_the_papers_does_not() -> None:
    G = drawn(16, 12, 0)
    for form, ratio in ((lora_ga_paper.initialise, 1.0), (lora_ga.initialise, 1e-3)):
        big, small = (
            form(problem(scale * G, 4, 2), LoraGaParams()).factors["layer"].B.norm()
            for scale in (1.0, 1e-3)
        )
        assert float(small / big) == pytest.approx(ratio, rel=1e-4)


def test_our_form_of_pefts_lora_ga_is_pefts_own_on_a_linear_layer() -> None:
    torch.manual_seed(0)
    model = nn.ModuleDict({"layer": nn.Linear(24, 32, bias=False)})
    weight = model["layer"].weight.detach().clone()
    G = separated(32, 24, 1)
    model["layer"]._peft_loraga_grad = G.clone()
    config = LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=["layer"],
        init_lora_weights="lora_ga",
        lora_ga_config=LoraGAConfig(direction="ArB2r", scale="stable", stable_gamma=16),
    )
    theirs = get_peft_model(model, config).base_model.model["layer"]  # type: ignore[arg-type]
    ours = lora_ga.initialise(problem(G, 4, 2, s=2.0), LoraGaParams(gamma=16)).factors["layer"]
    same_up_to_sign(ours.A.T, theirs.lora_A["default"].weight.detach().T.double().numpy())
    same_up_to_sign(ours.B, theirs.lora_B["default"].weight.detach().double().numpy())
    offset = weight - theirs.base_layer.weight.detach()
    BA = theirs.lora_B["default"].weight @ theirs.lora_A["default"].weight
    torch.testing.assert_close(offset, 2.0 * BA.detach())


def test_a_missing_preprocess_gives_peft_kaiming_in_silence_but_never_ours() -> None:
    config = LoraConfig(
        r=4, target_modules=["layer"], init_lora_weights="lora_ga", lora_ga_config=LoraGAConfig()
    )
    model = nn.ModuleDict({"layer": nn.Linear(24, 32)})
    theirs = get_peft_model(model, config).base_model.model["layer"]  # type: ignore[arg-type]
    assert float(theirs.lora_B["default"].weight.detach().abs().max()) == 0, "PEFT mended its trap"
    found = lora_ga_paper.initialise(problem(drawn(32, 24, 1), 4, 2), LoraGaParams())
    assert float(found.factors["layer"].B.abs().max()) > 0


@pytest.mark.parametrize("method", ["lora_ga", "lora_ga_paper"])
def test_twice_the_rank_must_fit_where_peft_gives_wrong_shapes(
    tiny_models: dict[str, Path], method: str
) -> None:
    loaded = loading.load(
        tiny_run(tiny_models["llama"], Path("x.csv")).model, "causal-lm", 0, torch.device("cpu")
    )
    applicability.check_layers(loaded.layers, METHODS[method], 4)
    with pytest.raises(SpecError, match=r"rank 5 is above min\(m, n\)/2 = 4.*k_proj"):
        applicability.check_layers(loaded.layers, METHODS[method], 5)


@given(
    seed=st.integers(0, 50),
    scale=st.sampled_from(["spectral", "gradient", "squared"]),
    r=st.integers(1, 6),
)
def test_the_control_has_lora_ones_size_and_no_more_of_its_direction_than_chance(
    seed: int, scale: str, r: int
) -> None:
    G = drawn(60, 40, seed)
    params = LoraOneParams.model_validate({"scale": scale, "gamma": 8})

    def product(found: Initialisation) -> torch.Tensor:
        pair = found.factors["layer"]
        return pair.B @ pair.A

    real = product(lora_one.initialise(problem(G, r, 1), params))
    control = product(random_matched.initialise(problem(G, r, 1), params))
    values = torch.linalg.svdvals
    torch.testing.assert_close(values(control)[:r], values(real)[:r], rtol=1e-4, atol=1e-7)
    cosine = float((real * control).sum() / (real.norm() * control.norm()))
    assert abs(cosine) < 0.35


@given(m=st.integers(8, 20), n=st.integers(8, 20), r=st.integers(1, 4), seed=st.integers(0, 50))
def test_lora_sb_begins_at_the_best_rank_r_part_of_adamws_first_step(
    m: int, n: int, r: int, seed: int
) -> None:
    G = drawn(m, n, seed)
    given_problem = replace(problem(G, r, 1), matrices={"layer": G}, learning_rate=0.01)
    found = lora_sb.initialise(given_problem, LoraSbParams())
    U, S, Vh = np.linalg.svd(-0.01 * np.sign(G.double().numpy()), full_matrices=False)
    pair, core = found.factors["layer"], found.cores["layer"]
    product = (pair.B @ core @ pair.A).double().numpy()
    best = U[:, :r] * S[:r] @ Vh[:r]
    tied = r < len(S) and S[r] > 0.999 * S[r - 1]  # then there is more than one best part
    if not tied:
        np.testing.assert_allclose(product, best, atol=2e-4 * S[0])
    np.testing.assert_allclose(np.diag(core.numpy()), S[:r], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(pair.A @ pair.A.T, torch.eye(r), atol=1e-5, rtol=0)


def test_lora_sb_trains_r_times_r_numbers_per_layer_even_after_being_switched_off(
    tiny_models: dict[str, Path],
) -> None:
    spec = tiny_run(tiny_models["llama"], Path("x.csv"), "lora_sb")
    loaded = loading.load(spec.model, spec.task, 0, torch.device("cpu"))
    pretrained = {layer.name: layer.weight.clone() for layer in loaded.layers}
    adapted = Adapted(loaded, spec, pretrained, no_data)
    matrices = {layer.name: torch.randn(layer.shape) for layer in loaded.layers}
    first = problem(torch.eye(8), spec.rank, 1)
    adapted.install(lora_sb.initialise(replace(first, matrices=matrices), LoraSbParams(eta=0.1)))
    with adapted.switched_off():
        pass
    assert sum(p.numel() for p in adapted.parameters()) == len(loaded.layers) * spec.rank**2


@pytest.mark.parametrize("shape", [(48, 64), (50, 40)])
def test_our_nf4_is_that_of_bitsandbytes(shape: tuple[int, int]) -> None:
    import bitsandbytes

    W = drawn(*shape, 0)
    with torch.compiler.set_stance("force_eager"):
        packed, state = bitsandbytes.functional.quantize_4bit(W, blocksize=64, quant_type="nf4")
        theirs = bitsandbytes.functional.dequantize_4bit(packed, state)
    # Where a value is half-way between two levels, rounding decides.
    close = (loftq.nf4(W) - theirs).abs() <= 1e-6
    assert float(close.float().mean()) > 0.999


def test_loftq_loses_less_than_rounding_alone_and_counts_the_scaling_that_peft_forgets() -> None:
    W = drawn(48, 40, 3)
    rounding = float((W - loftq.nf4(W)).norm())
    losses = []
    for iterations in (1, 5):
        given_problem = replace(problem(W, 8, 1, s=4.0), weights={"layer": W})
        found = loftq.initialise(given_problem, LoftqParams(iterations=iterations))
        pair = found.factors["layer"]
        losses.append(float((W - found.bases["layer"] - 4.0 * pair.B @ pair.A).norm()))
    assert losses[0] < 0.85 * rounding
    assert losses[1] < losses[0]
    lost = W - loftq.nf4(W)
    U, S, Vh = np.linalg.svd(lost.double().numpy())
    one = loftq.initialise(given_problem, LoftqParams(iterations=1)).factors["layer"]
    best = U[:, :8] * S[:8] @ Vh[:8]
    np.testing.assert_allclose((4.0 * one.B @ one.A).double().numpy(), best, atol=1e-4 * S[0])


@pytest.mark.parametrize("architecture", ["bert", "gpt2"])
def test_dora_magnitudes_are_the_row_norms_of_the_initialised_weight(
    tiny_models: dict[str, Path], architecture: str
) -> None:
    spec = tiny_run(tiny_models[architecture], Path("x.csv"), "lora", adapter={"dora": True})
    loaded = loading.load(spec.model, spec.task, 2, torch.device("cpu"))
    pretrained = {layer.name: layer.weight.clone() for layer in loaded.layers}
    adapted = Adapted(loaded, spec, pretrained, no_data)
    factors = {
        layer.name: Factors(drawn(4, layer.shape[1], 1), drawn(layer.shape[0], 4, 2))
        for layer in loaded.layers
    }
    adapted.install(Initialisation(factors))
    magnitudes = adapted.export().magnitudes
    assert magnitudes.keys() == factors.keys()
    for name, magnitude in magnitudes.items():
        pair = factors[name]
        moved = pretrained[name] + adapted.scaling * pair.B @ pair.A
        torch.testing.assert_close(magnitude, moved.norm(dim=1))


@pytest.mark.parametrize("method", ["mica", "lora_sb"])
def test_dora_is_refused_where_one_factor_is_frozen(method: str) -> None:
    assert "nothing for DoRA" in refused({"methods": [method], "adapter": {"dora": True}})


def test_dora_is_refused_with_lora_fa_whose_pairs_it_would_disturb() -> None:
    said = refused({"adapter": {"dora": True}, "training": {"optimizer": "lorafa"}})
    assert "magnitudes" in said


def refused(spec: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        ExperimentSpec.model_validate(spec)
    return str(caught.value)


@pytest.mark.parametrize("optimizer", ["loraplus", "riemannian", "lorafa"])
@pytest.mark.parametrize("method", ["full", "mica"])
def test_optimisers_of_two_factors_are_refused_where_there_are_none(
    method: str, optimizer: str
) -> None:
    said = refused({"methods": [method], "training": {"optimizer": optimizer}})
    assert optimizer in said
    assert "allowed: adamw" in said


def test_olora_is_refused_on_conv1d_where_peft_decomposes_the_transposed_weight(
    tiny_models: dict[str, Path],
) -> None:
    spec = tiny_run(tiny_models["gpt2"], Path("x.csv"), "olora")
    loaded = loading.load(spec.model, spec.task, 0, torch.device("cpu"))
    with pytest.raises(SpecError, match=r"attn\.c_attn, a Conv1D"):
        applicability.check_layers(loaded.layers, METHODS["olora"], 4)


def test_an_odd_rank_is_refused_for_the_orthogonal_init() -> None:
    assert "even rank" in refused({"methods": ["orthogonal"], "grid": {"ranks": [8, 5]}})
    ExperimentSpec.model_validate({"methods": ["orthogonal"], "grid": {"ranks": [8, 6]}})
