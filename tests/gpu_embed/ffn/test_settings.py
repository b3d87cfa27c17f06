from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from gpu_embed.ffn.settings import PUBLISHED, FfnSettings
from ingest.schema.errors import SchemaError


def test_logits_are_those_of_googles_messages() -> None:
    """Which keep 32 bits of the probability, and 32 bits of its logit."""
    settings = FfnSettings()
    for name in ("seed", "pad", "move", "segment"):
        assert settings.logit(name) == np.float32(logit(float(np.float32(getattr(settings, name)))))


def test_published_settings() -> None:
    fib25, liconn = PUBLISHED.get("fib25"), PUBLISHED.get("liconn")
    assert (fib25.settings.pad, fib25.settings.move, fib25.settings.segment) == (0.05, 0.9, 0.6)
    assert (liconn.settings.pad, liconn.settings.move, liconn.architecture.depth) == (0.5, 0.6, 21)
    assert liconn.architecture.layer_norm
    again = FfnSettings.from_json(json.loads(json.dumps(liconn.settings.to_json())))
    assert again == liconn.settings


def test_grey_values() -> None:
    grey = np.array([0, 128, 161], dtype=np.uint8)
    np.testing.assert_array_equal(FfnSettings().normalised(grey), np.array([-128 / 33, 0, 1], dtype=np.float32))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"move": 1.0}, "move is 1.0; wanted a probability"),
        ({"pad": float("nan")}, "pad is nan"),
        ({"std": 0.0}, "std > 0"),
        ({"mean": float("inf")}, "mean inf"),
        ({"least_voxels": -1}, "0 or more"),
        ({"freeze": float("nan")}, "freeze is nan"),
    ],
)
def test_settings_that_mean_nothing(change: dict[str, float], said: str) -> None:
    with pytest.raises(SchemaError, match=said):
        replace(FfnSettings(), **change)  # type: ignore[arg-type]


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(SchemaError, match="unknown setting 'moves'; did you mean 'move'"):
        FfnSettings.from_json({"moves": 0.9})
