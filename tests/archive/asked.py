"""What the archive's experiments ask for: models, data and specs, as far as a commit knows them."""

from __future__ import annotations

import contextlib
import random
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


def module(*places: str) -> Any:
    """The first of these modules that the commit has: files move from release to release."""
    for place in places:
        with contextlib.suppress(ModuleNotFoundError):
            return import_module(place)
    raise ModuleNotFoundError(f"the commit has none of {places}")


def spec_module() -> Any:
    """Where ``ExperimentSpec`` and ``expand`` are."""
    return module("loraone.spec.experiment", "loraone.specs")


WORDS = [
    *("the", "a", "cat", "dog", "runs", "sits", "eats", "sees", "red", "blue"),
    *("big", "small", "house", "tree", "and", "or", "in", "on"),
]


def models_and_data() -> None:
    """Tiny models with random weights, and texts whose label is the animal they are about."""
    draw = random.Random(0)
    lines = ["text,label"]
    for i in range(120):
        animal = ("cat", "dog")[i % 2]
        words = [draw.choice(WORDS) for _ in range(draw.randint(3, 9))]
        lines.append(f"{' '.join([*words, animal])},{animal}")
    (HERE / "data").mkdir(exist_ok=True)
    (HERE / "data" / "animals.csv").write_text("\n".join(lines) + "\n")
    if (HERE / "models").is_dir():
        return
    import torch
    import transformers
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(["<pad>", "<unk>", "</s>", *WORDS])}
    core = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
    )
    sizes = {
        "vocab_size": len(vocabulary),
        "hidden_size": 16,
        "intermediate_size": 24,
        "max_position_embeddings": 64,
    }
    bert = transformers.BertConfig(num_hidden_layers=1, num_attention_heads=2, **sizes)
    llama = transformers.LlamaConfig(
        num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, **sizes
    )
    torch.manual_seed(0)
    made = {
        "tiny-bert": transformers.BertForSequenceClassification(bert),
        "tiny-llama": transformers.LlamaForCausalLM(llama),
    }
    for name, model in made.items():
        model.save_pretrained(HERE / "models" / name)
        tokenizer.save_pretrained(HERE / "models" / name)


def known(methods: list[Any]) -> list[Any]:
    """Those of the methods that the commit has; without their own optimiser where it has none."""
    from loraone.catalog import METHODS

    MethodSpec = module("loraone.spec.method", "loraone.specs").MethodSpec

    named = [m if isinstance(m, dict) else {"name": m} for m in methods]
    fields = set(MethodSpec.model_fields)
    kept = [m for m in named if m["name"] in METHODS and set(m) <= fields]
    return [m["name"] if set(m) == {"name"} else m for m in kept]


def section(name: str, **values: Any) -> dict[str, Any]:
    """A section of a spec, with those of its fields that the commit has."""
    ExperimentSpec = spec_module().ExperimentSpec

    fields = type(getattr(ExperimentSpec(), name)).model_fields
    return {key: value for key, value in values.items() if key in fields}


def experiments() -> dict[str, dict[str, Any]]:
    """The experiments that are run to their end, by a short name, as a user writes them."""
    ExperimentSpec = spec_module().ExperimentSpec

    tiny: dict[str, Any] = {
        "data": {
            "source": "data/animals.csv",
            "max_length": 16,
            "train_samples": 64,
            "eval_samples": 16,
        },
        "gradient": {"samples": 16, "micro_batch": 8},
        "training": {"steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2},
    }
    quick = {"held_out_samples": 8, "alignment_every": 2}
    own_gamma = {"name": "lora_one", "params": {"scale": "gradient", "gamma": "auto"}}
    found = {
        "animals": {
            "name": "Animals: where to start",
            "description": "Which start learns cats from dogs?\nTwo rates, two seeds.",
            "task": "sequence-classification",
            "model": {"id": "models/tiny-bert", "targets": ["query", "intermediate.dense"]},
            **tiny,
            "measure": section(
                "measure", **quick, intruders=True, hessian=True, hessian_samples=8,
                save_adapter=False,
            ),
            "methods": known(
                [
                    "lora",
                    own_gamma,
                    {"name": "pissa", "learning_rates": [0.003]},
                    {"name": "full", "learning_rates": [0.001, 0.003]},
                    {"name": "lora_ga_paper", "params": {"gamma": 8}, "learning_rates": [0.003]},
                    {"name": "eva", "learning_rates": [0.003]},
                    {"name": "lora", "optimizer": "loraplus", "learning_rates": [0.003]},
                ]
            ),
            "grid": {"ranks": [4], "learning_rates": [0.003, 0.01], "seeds": [0, 1]},
        },
        "words": {
            "name": "Next words, one rank too many",
            "task": "causal-lm",
            "model": {"id": "models/tiny-llama", "targets": ["q_proj", "v_proj"]},
            **tiny,
            "adapter": {"alpha": 8, "rslora": False, "dropout": 0.1},
            "measure": section("measure", **quick),
            "methods": known(["lora", {"name": "lora_one", "params": {"gamma": 64}}]),
            "grid": {"ranks": [2, 9], "learning_rates": [0.01], "seeds": [0, 1]},
        },
        "minilm": {
            "name": "MiniLM, one layer",
            "description": "The built-in model and texts.",
            "model": {"targets": ["layer.0.attention.self.query"]},
            "data": {"max_length": 16, "train_samples": 64, "eval_samples": 32},
            "gradient": {"samples": 16, "head_warmup_steps": 2},
            "training": {"steps": 4, "batch_size": 8, "warmup_steps": 1, "eval_every": 2},
            "measure": section(
                "measure", held_out_samples=16, alignment_every=4, save_adapter=False
            ),
            "methods": known(["lora", own_gamma]),
            "grid": {"ranks": [4], "learning_rates": [0.001, 0.004], "seeds": [0]},
        },
    }  # fmt: skip
    if "problem" in ExperimentSpec.model_fields:
        found["teacher"] = {
            "name": "A teacher of two ranks",
            "task": "teacher-student",
            "problem": {"inputs": 16, "outputs": 12, "samples": 128, "true_rank": 2},
            "sweep": {"parameter": "condition", "values": [1, 10]},
            "training": {
                "optimizer": "sgd", "steps": 20, "warmup_steps": 0, "schedule": "constant",
                "max_grad_norm": 1e6, "eval_every": 5,
            },
            "measure": {"alignment_every": 5, "save_adapter": False},
            "methods": [
                "lora",
                {"name": "lora_one", "params": {"scale": "gradient", "gamma": 1}},
                {"name": "lora_one", "params": {"scale": "gradient", "gamma": 1},
                 "optimizer": "riemannian-sgd"},
            ],
            "grid": {"ranks": [2], "learning_rates": [0.3], "seeds": [0, 1]},
        }  # fmt: skip
    return found


def changed(base: dict[str, Any], name: str, **training: Any) -> dict[str, Any]:
    """The same experiment under another name with another training, and few runs."""
    few = {
        "methods": base["methods"][:2],
        "grid": {"ranks": [2], "learning_rates": [0.01], "seeds": [0, 1]},
        "training": base["training"] | training,
    }
    return base | few | {"name": name}


def rich_specs() -> list[dict[str, Any]]:
    """Experiments that set what the commit has: every method, then every section's fields."""
    from loraone.catalog import METHODS

    ExperimentSpec = spec_module().ExperimentSpec

    own = {
        "lora_one": {"scale": "gradient", "gamma": "auto"},
        "random_matched": {"scale": "squared", "gamma": 64},
        "lora_ga": {"gamma": 8},
        "eva": {"rho": 1.5, "tau": 0.9},
        "corda": {"mode": "kpm"},
        "loftq": {"iterations": 1},
        "lora_sb": {"eta": 0.001},
    }
    every = [{"name": name, "params": own.get(name, {})} for name in METHODS]
    specs: list[dict[str, Any]] = [
        {
            "name": "Every method",
            "description": "With γ, and what else each leaves open.",
            "task": "causal-lm",
            "model": {"id": "models/tiny-llama", "dtype": "bfloat16"},
            "data": {"source": "data/animals.csv", "text_column": "text", "split_seed": 3},
            "methods": [*every, {"name": "lora_one", "params": {"scale": "spectral"}}],
            "grid": {"ranks": [4, 8], "learning_rates": [0.0005, 0.002], "seeds": [0, 1]},
        },
        {
            "name": "Every section",
            "model": {"id": "org/name@main", "dtype": "float16", "targets": ["query", "value"]},
            "data": {"source": "org/texts", "label_column": "stars", "max_length": 128},
            "gradient": section(
                "gradient", samples=32, micro_batch=32, way="immediate",
                strategy="layerwise", checkpointing=True,
                head_warmup_steps=5, head_learning_rate=0.01,
            ),
            "adapter": section("adapter", alpha=32, rslora=False, dora=True, dropout=0.05),
            "training": section(
                "training", optimizer="riemannian", loraplus_ratio=8, riemannian_damping=0.001,
                steps=100, batch_size=4, warmup_steps=10, schedule="cosine", weight_decay=0.01,
                max_grad_norm=0.5, eval_every=50,
            ),
            "measure": section(
                "measure", alignment_every=10, held_out_samples=32, gradient_trust=False,
                split_half_agreement=False,
                intruders=True, intruder_top=5, intruder_epsilon=0.5, hessian=True,
                hessian_samples=8, save_adapter=False,
            ),
            "methods": known(
                [{"name": "lora", "learning_rates": [0.001]},
                 {"name": "lora_one", "optimizer": "loraplus"}]
            ),
            "grid": {"ranks": [4], "learning_rates": [0.0001], "seeds": [7]},
        },
    ]  # fmt: skip
    if "problem" in ExperimentSpec.model_fields:
        theory = experiments()["teacher"]
        problem = theory["problem"] | {
            "hidden": 14, "condition": 10, "spectrum": "cliff", "activation": "two-layer",
            "noise": 0.1, "init_std": 0.01, "scaling": 2, "dtype": "float32",
        }  # fmt: skip
        sweep = {"parameter": "noise", "values": [0, 0.1]}
        specs.append(theory | {"problem": problem, "sweep": sweep})
    return specs
