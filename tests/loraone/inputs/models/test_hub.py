"""Models of the hub that were downloaded before are checked as folders are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
# A process of its own: where the cache is, is read when the hub's library is imported.
CODE = """
import json, sys
import torch
from loraone.inputs.models import loading
from loraone.inputs.models.foreseen import foresee
from loraone.inputs.models.paths import preflight
from loraone.errors import LoraOneError
from loraone.spec.experiment import ExperimentSpec

def spec(name, **changes):
    task = {"task": "causal-lm", "model": {"id": name, **changes.pop("model", {})}}
    return ExperimentSpec.model_validate({**task, **changes})

def load(name):
    try:
        loaded = loading.load(spec(name).model, "causal-lm", 0, torch.device("cpu"))
    except LoraOneError as error:
        return error.message
    return [len(loaded.layers), loaded.revision]

print(json.dumps({
    "whole": load("org/whole"),
    "adapter": load("org/adapter"),
    "both": load("org/both"),
    "nothing": preflight(spec("org/whole", model={"targets": ["q_proj"]}), None) == [],
    "length": [e.field for e in preflight(spec("org/whole", data={"max_length": 65}), None)],
    "targets": [e.field for e in foresee(spec("org/whole", model={"targets": ["query"]}))],
    "absent": foresee(spec("org/absent", model={"targets": ["query"]})) == [],
}))
"""


def cached(cache: Path, name: str, source: Path) -> Path:
    """A snapshot in the hub's cache, as a download leaves it."""
    repository = cache / f"models--org--{name}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    snapshot = repository / "snapshots" / COMMIT
    shutil.copytree(source, snapshot)
    return snapshot


def test_a_downloaded_model_is_checked_and_an_adapter_never_leads_to_its_base(
    tiny_models: dict[str, Path], tmp_path: Path
) -> None:
    cache = tmp_path / "hub"
    secret = shutil.copytree(tiny_models["llama"], tmp_path / "secret-base")
    adapter = json.dumps({"base_model_name_or_path": str(secret), "peft_type": "LORA"})
    cached(cache, "whole", tiny_models["llama"])
    (cached(cache, "both", tiny_models["llama"]) / "adapter_config.json").write_text(adapter)
    snapshot = cached(cache, "adapter", tiny_models["llama"])
    for file in snapshot.iterdir():
        file.unlink()
    (snapshot / "adapter_config.json").write_text(adapter)
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    said = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout.splitlines()[-1])
    assert found["whole"] == [14, COMMIT]
    for name in ("adapter", "both"):
        assert f"org/{name} is an adapter of {secret}" in found[name]
    assert found["nothing"] and found["absent"]
    assert found["length"] == ["data.max_length"]
    assert found["targets"] == ["model.targets"]
