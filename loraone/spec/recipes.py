"""An experiment as people take it elsewhere: YAML, Python, one run of it, PEFT code."""

from __future__ import annotations

from typing import Any

import yaml

from loraone.catalog import METHODS, resolve
from loraone.spec.experiment import ExperimentSpec, GridSpec, RunSpec
from loraone.spec.method import MethodSpec

_SHARED = tuple(field for field in RunSpec.model_fields if field in ExperimentSpec.model_fields)
# What the parameters are called in almost all of transformers' mixtures; PEFT matches the ends.
_EXPERTS = ["experts.gate_up_proj", "experts.down_proj"]
_HEAD = "from peft import LoraConfig, get_peft_model\n"


def alone(run: RunSpec, name: str) -> ExperimentSpec:
    """The experiment whose only run is ``run``: what :func:`loraone.expand` makes of it."""
    shared = {field: getattr(run, field) for field in _SHARED}
    return ExperimentSpec(
        **shared,
        name=name,
        methods=(run.method,),
        grid=GridSpec(ranks=(run.rank,), learning_rates=(run.learning_rate,), seeds=(run.seed,)),
    )


def as_yaml(spec: ExperimentSpec) -> str:
    """What ``loraone run`` reads, of this release and of later ones; defaults are left out."""
    body = _without_defaults(spec)
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True)


def _without_defaults(spec: ExperimentSpec) -> dict[str, Any]:
    """The document with its version, which says to later releases how it is meant."""
    body = spec.model_dump(mode="json", exclude_defaults=True)
    return {"version": spec.version, **body}


def as_python(spec: ExperimentSpec) -> str:
    """Code that runs the same runs; defaults are left out."""
    body = _without_defaults(spec)
    events, also = "run(each)", ""
    if spec.report_to:
        also = "from loraone.tracking.mirrored import mirrored\n"
        events = f"mirrored({events}, each, report_to=spec.report_to, experiment=spec.name)"
    return (
        f"from loraone import ExperimentSpec, expand, run\n{also}\n"
        f"spec = ExperimentSpec.model_validate({body!r})\n"
        "for each in expand(spec):\n"
        f"    for event in {events}:\n"
        "        print(event)\n"
    )


def peft_snippet(spec: ExperimentSpec, method: MethodSpec) -> str:
    """Code for a PEFT user that starts an adapter as ``method`` does, at the grid's first rank."""
    row = METHODS[method.name]
    if row.trains == "all":
        return f"# {row.label} has no adapter: train the target layers themselves.\n"
    targets = "all-linear" if spec.model.targets == "all-linear" else list(spec.model.targets)
    shared = (
        f"    r={spec.grid.ranks[0]},\n"
        f"    lora_alpha={spec.adapter.alpha:g},\n"
        f"    use_rslora={spec.adapter.rslora},\n"
        f"    use_dora={spec.adapter.dora},\n"
        f"    lora_dropout={spec.adapter.dropout:g},\n"
        f"    target_modules={targets!r},\n"
    )
    if spec.model.target_parameters == "experts":
        shared += f"    target_parameters={_EXPERTS!r},\n"
        if row.initialise is not None or row.peft_init not in (True, "gaussian"):
            return _trained_here(f"PEFT cannot start parameters as {row.label} does.")
    if row.peft_code is not None:
        code: str = resolve(row.peft_code)(shared, row.params.model_validate(method.params))
        return code
    if row.initialise is None:
        init = f"    init_lora_weights={row.peft_init!r},\n"
        return f"{_HEAD}\nmodel = get_peft_model(model, LoraConfig(\n{shared}{init}))\n"
    return _trained_here(f"{row.label} is not in PEFT.")


def _trained_here(why: str) -> str:
    return (
        f"# {why} Train it here and load the adapter, which is a plain one:\n"
        "from peft import PeftModel\n\n"
        'model = PeftModel.from_pretrained(model, "adapter")\n'
    )
