"""From volumes and pairs to an encoder on disk: one training, resumed where it stopped, exported when it is done."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from gpu_embed.checkpoints.safetensors import save_checkpoint
from gpu_embed.encoder.architectures import SEGCLR, Architecture
from gpu_embed.training.contrastive.batches import PairBatches
from gpu_embed.training.contrastive.network import PROJECTED, ContrastiveNetwork, checkpoint_of, fresh_network
from gpu_embed.training.contrastive.objective import ContrastiveObjective, ContrastiveSettings
from gpu_embed.training.optimizers import OptimizerSettings
from gpu_embed.training.pairs.table import Pairs
from gpu_embed.training.trainer import Probe, Trained, TrainingSettings, train
from gpu_embed.training.workers import ALONE, Workers
from ingest.running.progress import Progress
from ingest.volumes.volume import Volume

ENCODER = "encoder.safetensors"


@dataclass(frozen=True)
class EncoderSettings:
    """A whole training; numbers are the published ones where they are known.

    Args:
        batch: pairs of one process; the published number is not.
        renormalised: batch renorm in the residual blocks, as published.
        shift: voxels that centres are moved by.
    """

    training: TrainingSettings = field(
        default_factory=lambda: TrainingSettings(500_000, OptimizerSettings("lars", 0.01, 0.9, 1e-4))
    )
    loss: ContrastiveSettings = field(default_factory=ContrastiveSettings)
    architecture: Architecture = SEGCLR
    projected: int = PROJECTED
    renormalised: bool = True
    batch: int = 64
    shift: int = 0


def train_encoder(
    em: Volume,
    segmentation: Volume,
    pairs: Pairs,
    settings: EncoderSettings,
    folder: Path,
    *,
    name: str = "encoder",
    device: torch.device | None = None,
    workers: Workers = ALONE,
    probe: Probe | None = None,
    probe_every: int = 1000,
    checkpoint_every: int = 1000,
    journal_every: int = 10,
    stop_after: int | None = None,
    progress: Progress | None = None,
) -> tuple[ContrastiveNetwork, Trained]:
    """Train, or go on; ``folder/encoder.safetensors`` and its card are written when all steps are done.

    Raises:
        AnalysisError, SchemaError, ReadError: see ``PairBatches`` and ``trainer.train``.
    """
    s = settings
    batches = PairBatches(
        em, segmentation, pairs, s.architecture.crop, s.batch, seed=s.training.seed, workers=workers, shift=s.shift
    )
    network = fresh_network(
        s.architecture, s.training.seed, projected=s.projected, renormalised=s.renormalised, workers=workers
    )
    z, y, x = em.resolution.xyz[::-1]
    identity = {
        **{key: value for key, value in asdict(s).items() if key != "training"},
        "pairs": pairs.sha256(),
        "volumes": [
            [v.name, list(v.start), list(v.shape), str(v.dtype), list(v.resolution.xyz)] for v in (em, segmentation)
        ],
    }
    trained = train(
        network,
        ContrastiveObjective(s.loss, (z, y, x), workers),
        batches,
        s.training,
        folder=folder,
        identity=identity,
        device=device,
        workers=workers,
        probe=probe,
        probe_every=probe_every,
        checkpoint_every=checkpoint_every,
        journal_every=journal_every,
        stop_after=stop_after,
        progress=progress,
    )
    if workers.first and (stop_after is None or stop_after >= s.training.steps):
        note = f"trained for {s.training.steps} steps of {s.batch * workers.world} pairs ({pairs.sha256()[:16]})"
        save_checkpoint(folder / ENCODER, checkpoint_of(network, name, em.resolution.xyz, (note,)))
    return network, trained
