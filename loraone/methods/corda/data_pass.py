"""PEFT's pass over the texts for CorDA: the covariance of each layer's inputs."""

from __future__ import annotations

from typing import Any

from loraone.errors import TrainingError
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

    try:
        preprocess_corda(model, config, run_model)
    except (ValueError, RuntimeError) as error:
        raise TrainingError(
            f"CorDA's covariance is not usable: {error}",
            field="gradient.samples",
            hint="raise gradient.samples",
        ) from error
