"""Learning rates by step.

Source: google-research/connectomics ``segclr/model_util.py`` (``learning_rate_step``).

Tests: tests/gpu_embed/training/test_optimizers.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ingest.registry import Registry

Schedule = Callable[[int, int, int], float]
"""(step from 0, steps of warm-up, steps in all) -> factor of the base rate."""


def cosine(step: int, warmup: int, steps: int) -> float:
    """As published: the whole rate while ``step < warmup`` (no ramp), then half a cosine down to 0."""
    if step < warmup:
        return 1.0
    done = min(step - warmup, steps - warmup) / (steps - warmup)
    return 0.5 * (1.0 + math.cos(math.pi * done))


def ramped_cosine(step: int, warmup: int, steps: int) -> float:
    """A straight ramp to the whole rate in ``warmup`` steps, then half a cosine down to 0."""
    return (step + 1) / warmup if step < warmup else cosine(step, warmup, steps)


def constant(step: int, warmup: int, steps: int) -> float:
    """The whole rate, after a straight ramp of ``warmup`` steps."""
    return min(1.0, (step + 1) / warmup) if warmup else 1.0


SCHEDULES: Registry[Schedule] = Registry("schedule")
SCHEDULES.register("cosine", cosine)
SCHEDULES.register("ramped-cosine", ramped_cosine)
SCHEDULES.register("constant", constant)
