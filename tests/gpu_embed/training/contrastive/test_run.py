"""A whole training on a made volume: it fits one batch, resumes to the same bytes, exports, refuses other widths."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gpu_embed.checkpoints.safetensors import load_checkpoint  # noqa: E402
from gpu_embed.encoder.architectures import Architecture  # noqa: E402
from gpu_embed.training import trainer  # noqa: E402
from gpu_embed.training.contrastive.network import fresh_network  # noqa: E402
from gpu_embed.training.contrastive.objective import ContrastiveObjective, ContrastiveSettings  # noqa: E402
from gpu_embed.training.contrastive.probes import KnnProbe  # noqa: E402
from gpu_embed.training.contrastive.run import ENCODER, EncoderSettings, train_encoder  # noqa: E402
from gpu_embed.training.optimizers import OptimizerSettings  # noqa: E402
from gpu_embed.training.pairs.sampling import sample_positives  # noqa: E402
from gpu_embed.training.trainer import TrainingSettings, train  # noqa: E402
from ingest.schema.errors import AnalysisError, UnknownNameError  # noqa: E402
from ingest.skeletons.skeleton import Skeleton  # noqa: E402
from ingest.volumes.volume import Volume  # noqa: E402

Made = tuple[Volume, Volume, list[Skeleton]]
CPU = torch.device("cpu")
SMALL = Architecture("small", crop=33, width=2, outputs=8)
SETTINGS = EncoderSettings(
    TrainingSettings(5, OptimizerSettings("lars", 0.5, 0.9, 1e-4), seed=2),
    architecture=SMALL,
    projected=6,
    batch=4,
    shift=2,
)


@pytest.fixture(autouse=True)
def one_thread() -> object:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
def test_resumed_it_exports_the_same_bytes(made: Made, tmp_path: Path) -> None:
    em, segmentation, skeletons = made
    pairs = sample_positives(skeletons, 24, [0, 300], np.random.default_rng(1))
    crops = np.random.default_rng(0).integers(0, 255, (8, 33, 33, 33), np.uint8)
    probe = KnnProbe(crops, np.arange(8) % 2, 3)

    def run(folder: str, stop_after: int | None = None, settings: EncoderSettings = SETTINGS) -> None:
        train_encoder(
            em, segmentation, pairs, settings, tmp_path / folder, device=CPU, stop_after=stop_after, probe=probe,
            probe_every=2, journal_every=1, checkpoint_every=2,
        )  # fmt: skip

    run("whole")
    run("parts", 3)
    assert not (tmp_path / "parts" / ENCODER).exists()
    with pytest.raises(AnalysisError, match="other settings: architecture"):
        run("parts", settings=replace(SETTINGS, architecture=replace(SMALL, width=4)))
    moved = copy.copy(em)
    moved.name = "elsewhere"
    with pytest.raises(AnalysisError, match="other settings: volumes"):
        train_encoder(moved, segmentation, pairs, SETTINGS, tmp_path / "parts", device=CPU)
    run("parts")
    for name in (ENCODER, "encoder.json", trainer.CHECKPOINT, trainer.JOURNAL):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    lines = [json.loads(line) for line in (tmp_path / "whole" / trainer.JOURNAL).read_text().splitlines()]
    told = [line for line in lines if "loss" in line]
    assert set(told[0]) == {"step", "loss", "hits", "false_negatives", "rank", "rate"}
    assert all(1 <= line["rank"] <= 8 for line in told)
    assert all(0 <= line["false_negatives"] <= 1 for line in told)
    assert [line["step"] for line in lines if "knn" in line] == [2, 4, 5]
    checkpoint = load_checkpoint(tmp_path / "whole" / ENCODER)
    assert checkpoint.card.architecture == SMALL
    assert checkpoint.card.resolution == (8, 8, 8)


@pytest.mark.slow
def test_it_overfits_one_batch(made: Made) -> None:
    """Eight pairs of eight neurons, no augmentation: in the end every partner is the nearest."""
    em, segmentation, skeletons = made
    from gpu_embed.training.contrastive.batches import PairBatches

    pairs = [sample_positives(skeletons[i : i + 1], 1, [0, 100], np.random.default_rng(i)) for i in range(0, 16, 2)]
    from gpu_embed.training.pairs.table import Pairs

    names = ("root_ids", "points_nm", "path_nm", "radii_nm")
    all_pairs = Pairs(*(np.concatenate([getattr(one, name) for one in pairs]) for name in names))
    objective = ContrastiveObjective(ContrastiveSettings(augmentation="none"), (8, 8, 8))
    network = fresh_network(SMALL, 4, projected=6, renormalised=False)
    settings = TrainingSettings(40, OptimizerSettings("adamw", 0.01), schedule="constant", precision="fp32")
    trained = train(
        network, objective, PairBatches(em, segmentation, all_pairs, 33, 8), settings, device=CPU, journal_every=5
    )
    first, last = trained.entries[0], trained.entries[-1]
    assert last["loss"] < 0.2 * first["loss"]
    assert last["hits"] == 1
    assert last["rank"] > 1.5
    assert last["false_negatives"] == 0


def test_false_negatives_are_counted_and_may_be_masked() -> None:
    from gpu_embed.training.contrastive.losses import nt_xent

    rows = torch.randn(8, 5, generator=torch.Generator().manual_seed(0))
    bodies = torch.tensor([1, 1, 2, 3])
    kept, masked = (nt_xent(rows, bodies=bodies, masked=mask) for mask in (False, True))
    assert kept.false_negatives.item() == pytest.approx(2 / 12)
    assert masked.loss < kept.loss
    alone = nt_xent(rows, bodies=torch.arange(4), masked=True)
    torch.testing.assert_close(alone.loss, kept.loss)
    assert alone.false_negatives == 0


def test_settings_of_the_loss() -> None:
    with pytest.raises(AnalysisError, match="temperature is 0"):
        ContrastiveSettings(temperature=0)
    with pytest.raises(UnknownNameError, match="did you mean 'published'"):
        ContrastiveSettings(augmentation="publisched")
