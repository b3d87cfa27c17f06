"""The forecast of a training: operations counted, a rate measured."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from gpu_embed.encoder.architectures import Architecture  # noqa: E402
from gpu_embed.training.contrastive.forecast import forecast  # noqa: E402
from gpu_embed.training.contrastive.run import EncoderSettings  # noqa: E402
from gpu_embed.training.trainer import TrainingSettings  # noqa: E402


def test_operations_and_hours() -> None:
    a = Architecture("small", crop=33, width=2, outputs=8)
    told = forecast(EncoderSettings(TrainingSettings(3600), architecture=a, batch=2), torch.device("cpu"))
    assert told.flops_per_step == pytest.approx(12 * a.flops())
    assert told.steps_per_s > 0
    assert told.here_hours == pytest.approx(1 / told.steps_per_s)
    assert told.h200_hours == pytest.approx(told.flops_per_step / (790e12 * 0.4))
