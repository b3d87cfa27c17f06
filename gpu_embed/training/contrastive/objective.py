"""What the trainer minimises: augmented pairs, embedded, projected, told apart.

Tests: tests/gpu_embed/training/contrastive/test_run.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gpu_embed.training.contrastive.augment import AUGMENTATIONS, augment
from gpu_embed.training.contrastive.losses import correlation_penalty, effective_rank, entropy_penalty, nt_xent, unit
from gpu_embed.training.trainer import Loss
from gpu_embed.training.workers import ALONE, Workers
from ingest.schema.errors import AnalysisError


@dataclass(frozen=True)
class ContrastiveSettings:
    """Of the loss.

    Args:
        augmentation: ``published``, ``corrected`` or ``none``.
        masked: negatives of the same neuron are left out of the loss; published trainings keep them.
        correlation, entropy: weights of Google's two penalties, 0 as published.

    Raises:
        AnalysisError: a temperature that is not above 0. UnknownNameError: no such augmentation.
    """

    temperature: float = 0.1
    augmentation: str = "published"
    masked: bool = False
    correlation: float = 0.0
    entropy: float = 0.0

    def __post_init__(self) -> None:
        AUGMENTATIONS.get(self.augmentation)
        if not 0 < self.temperature < float("inf"):
            raise AnalysisError(f"the temperature is {self.temperature}; wanted a number above 0, published is 0.1")


@dataclass(frozen=True)
class ContrastiveObjective:
    """NT-Xent of a batch of ``PairBatches``, with what the journal holds of it.

    Measured: ``hits`` (share whose partner is the nearest), ``false_negatives`` (share of negatives of the same
    neuron), ``rank`` (effective number of directions of this process's embeddings; near 1 is a collapse).

    Args:
        sides: of a voxel in nm, ZYX.
    """

    settings: ContrastiveSettings
    sides: tuple[float, float, float]
    workers: Workers = ALONE

    def __call__(self, network: nn.Module, batch: Any, generator: torch.Generator) -> Iterator[Loss]:
        s = self.settings
        inside = batch["inside"].bool()
        crops = augment(batch["em"], inside, AUGMENTATIONS.get(s.augmentation), generator, self.sides)
        embeddings, projected = network(crops)
        # Products of unit rows over a temperature of .1 want all digits.
        with torch.autocast(crops.device.type, enabled=False):
            rows = projected if projected.dtype == torch.float64 else projected.float()
            found = nt_xent(rows, s.temperature, workers=self.workers, bodies=batch["root"], masked=s.masked)
            loss = found.loss
            if s.correlation or s.entropy:
                together = self.workers.gathered(unit(rows))
                loss = loss + s.correlation * correlation_penalty(together) + s.entropy * entropy_penalty(together)
            rank = effective_rank(embeddings.detach())
        yield Loss(loss, {"hits": found.hits, "false_negatives": found.false_negatives, "rank": rank})
