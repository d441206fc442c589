"""PEFT's pass over the texts for CorDA: the covariance of each layer's inputs."""

from __future__ import annotations

from typing import Any

import torch

from loraone.errors import ModelError, TrainingError
from loraone.memory import ran_out
from loraone.methods.corda.row import CordaParams


def prepare(model: Any, config: Any, params: CordaParams, calibration: Any) -> None:
    """Leave on each target layer what PEFT's ``corda`` init reads.

    One text at a time: PEFT takes the covariance over all positions, and padding must not count.
    """
    from peft.tuners.lora.config import CordaConfig
    from peft.tuners.lora.corda import preprocess_corda

    config.corda_config = CordaConfig(corda_method=params.mode)

    def run_model() -> None:
        for batch in calibration(1):
            model(**batch)
        _check_positions(model)

    try:
        preprocess_corda(model, config, run_model)
    except ModelError:
        raise
    except (ValueError, RuntimeError) as error:
        if ran_out(error):
            raise
        raise TrainingError(
            f"CorDA's covariance is not usable: {error}",
            field="gradient.samples",
            hint="raise gradient.samples",
        ) from error


def _check_positions(model: Any) -> None:
    """Raise ModelError for a layer whose input has no axis of positions, such as BERT's pooler's.

    PEFT takes that axis away and sums one number for such a layer where it needs a matrix.
    """
    for name, module in model.named_modules():
        covariance = getattr(module, "covariance_matrix", None)
        if isinstance(covariance, torch.Tensor) and covariance.dim() == 0:
            raise ModelError(
                f"layer {name} sees one position of a text, and CorDA takes the covariance over "
                "all positions",
                field="model.targets",
                value=name,
                allowed="layers that see every position",
                hint="name the target layers so that this one is left out, or leave CorDA out",
            )
