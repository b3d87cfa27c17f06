"""A smoke test of encoder training on the FIB-25 cube (250^3 voxels of 10 nm), and what a step takes.

Smoke: one cube of 2.5 um, a small encoder (33^3 crops, width 8) and a budget of minutes of a processor say whether
training does what it should, not how good a real one would be. The middle slab of z is left out of everything, the
lower part trains, the upper part tests. What is asked: whether a place of the same body is more like an anchor than a
place of another body as far away and as thick (.5 is chance). Beside the trained encoder: the same one untrained,
hand-made features (grey values and their gradients inside the mask, share of the crop filled, second moments), and one
trained on shuffled positives, which must not be above untrained by more than chance. Intervals resample bodies.

At this budget (100 steps of 16 pairs) nothing is learnt that one could tell: trained .553 [.486, .612], shuffled
positives .566 [.485, .619], untrained .504 [.432, .551], hand features .840 [.727, .900], over 244 triples of 41
bodies; embeddings use 2.5 directions. So only the control is asserted, and the figures are printed. The loss falls from
14 to 10 in 40 steps, with chance at 2 ln 31 = 6.9: what a fresh projection has apart by accident is drawn together.

Hand features win by grey values (alone .857 [.744, .923]), which differ from body to body in one cube and which the
augmentations change on purpose; the mask's size, shape and orientation alone have .750 [.677, .815].
"""

from __future__ import annotations

import gzip
import shutil
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

torch = pytest.importorskip("torch")
h5py = pytest.importorskip("h5py")
kimimaro = pytest.importorskip("kimimaro")

from gpu_embed.cutouts.crops import Cutouts  # noqa: E402
from gpu_embed.encoder.architectures import Architecture, architecture  # noqa: E402
from gpu_embed.training.contrastive.forecast import forecast  # noqa: E402
from gpu_embed.training.contrastive.network import fresh_network  # noqa: E402
from gpu_embed.training.contrastive.objective import ContrastiveSettings  # noqa: E402
from gpu_embed.training.contrastive.probes import embeddings_of  # noqa: E402
from gpu_embed.training.contrastive.run import EncoderSettings, train_encoder  # noqa: E402
from gpu_embed.training.optimizers import OptimizerSettings  # noqa: E402
from gpu_embed.training.pairs.sampling import match_negatives, sample_positives, usable_nodes  # noqa: E402
from gpu_embed.training.pairs.table import Pairs  # noqa: E402
from gpu_embed.training.trainer import TrainingSettings  # noqa: E402
from ingest.skeletons.from_volumes import skeletonise  # noqa: E402
from ingest.skeletons.skeleton import Skeleton  # noqa: E402
from ingest.volumes.volume import Volume, open_volume  # noqa: E402

pytestmark = pytest.mark.bench
CROP, STEPS, BATCH, RATE = 33, 100, 16, 3e-3
SMALL = Architecture("small", crop=CROP, width=8, outputs=32)
BOUNDS_NM = [150, 400, 800]
CUTS = (105, 145)
"""z of the slab between training and test: as wide as a crop and a bit."""
Floats = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def cube(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Volume, Volume]:
    """EM slices and the ground truth, one HDF5 file."""
    from PIL import Image

    folder, here = real_data / "ffn_fib25_training_sample2", tmp_path_factory.mktemp("fib25")
    with gzip.open(folder / "groundtruth.h5.gz") as packed, (here / "truth.h5").open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    with h5py.File(here / "truth.h5") as file:
        truth = file["stack"][:]
        if "transforms" in file:
            moved = dict(file["transforms"][:].tolist())
            found, codes = np.unique(truth, return_inverse=True)
            truth = np.array([moved.get(one, one) for one in found.tolist()])[codes].reshape(truth.shape)
    slices = sorted((folder / "grayscale_maps").glob("*.png"))
    em = np.stack([np.asarray(Image.open(path).convert("L")) for path in slices])
    assert em.shape == truth.shape == (250, 250, 250)
    with h5py.File(here / "cube.h5", "w") as file:
        file.create_dataset("em", data=em, chunks=(64, 64, 64))
        file.create_dataset("ids", data=truth.astype(np.uint64), chunks=(64, 64, 64))
    named = {"resolution": "10,10,10", "offset": (0, 0, 0)}
    return open_volume(f"{here}/cube.h5:em", **named), open_volume(f"{here}/cube.h5:ids", **named)


def part(cube: tuple[Volume, Volume], low: int, high: int, count: int, seed: int) -> tuple[list[Skeleton], Pairs, list]:
    """Skeletons of a slab of z, and pairs along them whose crops stay inside of it."""
    skeletons = [
        s
        for s in skeletonise(cube[1], box=((low, 0, 0), (high, 250, 250)), teasar={"const": 50, "scale": 1.5})
        if s.path_length_nm > BOUNDS_NM[-1]
    ]
    usable, _ = usable_nodes(skeletons, *cube)
    half = CROP // 2 * 10 + 10
    edges = np.array([[half, half, low * 10 + half], [2500 - half, 2500 - half, high * 10 - half]])
    inner = [
        use & (s.points_nm >= edges[0]).all(axis=1) & (s.points_nm <= edges[1]).all(axis=1)
        for s, use in zip(skeletons, usable, strict=True)
    ]
    return skeletons, sample_positives(skeletons, count, BOUNDS_NM, np.random.default_rng(seed), inner), inner


def crops_of(cube: tuple[Volume, Volume], ids: npt.NDArray[np.uint64], places: npt.NDArray[np.float64]) -> Floats:
    columns = {"root_id": ids, **{f"{axis}_nm": places[:, i] for i, axis in enumerate("xyz")}}
    cutouts = Cutouts(*cube, pa.table(columns), CROP)
    assert not cutouts.failures
    made = np.empty((len(ids), CROP, CROP, CROP), np.uint8)
    for rows, some, failed in cutouts.cut(cutouts.read()):
        assert not failed
        made[rows] = some
    return made


def hand_features(crops: npt.NDArray[np.uint8]) -> Floats:
    """Grey values (mean, spread, quantiles), gradients, filled share, second moments of the mask; each scaled to 1."""
    rows = []
    axes = np.stack(np.meshgrid(*[np.linspace(-1, 1, CROP)] * 3, indexing="ij")).reshape(3, -1)
    for crop in crops:
        inside = crop.ravel() > 0
        grey = crop.ravel()[inside] / 255
        slope = np.stack(np.gradient(crop.astype(float) / 255)).reshape(3, -1)[:, inside]
        spread = np.cov(axes[:, inside])
        rows.append(
            [grey.mean(), grey.std(), *np.quantile(grey, [0.1, 0.5, 0.9]), np.linalg.norm(slope, axis=0).mean(),
             inside.mean(), *spread[np.triu_indices(3)]]
        )  # fmt: skip
    table = np.array(rows)
    return ((table - table.mean(axis=0)) / table.std(axis=0)).astype(np.float32)


def scored(vectors: Floats, roots: npt.NDArray[np.uint64]) -> tuple[float, float, float]:
    """Win rate of [anchor, positive, negative] rows, with the 95 % interval over bodies of anchors."""
    anchor, positive, negative = (
        part / np.linalg.norm(part, axis=1, keepdims=True) for part in np.split(vectors.astype(np.float64), 3)
    )
    ab, ac = (anchor * positive).sum(axis=1), (anchor * negative).sum(axis=1)
    won = (ab > ac) + 0.5 * (ab == ac)
    bodies = np.unique(roots)
    of = {body: won[roots == body] for body in bodies.tolist()}
    rng = np.random.default_rng(0)
    drawn = [
        np.concatenate([of[body] for body in rng.choice(bodies, len(bodies)).tolist()]).mean() for _ in range(1000)
    ]
    return float(won.mean()), *map(float, np.quantile(drawn, [0.025, 0.975]))


def shuffled(pairs: Pairs, seed: int) -> Pairs:
    """Second places of other pairs: nothing to learn but what all crops share."""
    order = np.random.default_rng(seed).permutation(len(pairs))
    ids = np.stack([pairs.root_ids[:, 0], pairs.root_ids[order, 1]], axis=1)
    points = np.stack([pairs.points_nm[:, 0], pairs.points_nm[order, 1]], axis=1)
    return Pairs(ids, points, np.where(ids[:, 0] == ids[:, 1], 0.0, np.nan), pairs.radii_nm)


def test_fib25_smoke(cube: tuple[Volume, Volume], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.process_time()
    _, train_pairs, _ = part(cube, 0, CUTS[0], 600, 1)
    skeletons, test_pairs, usable = part(cube, CUTS[1], 250, 300, 2)
    negatives, of = match_negatives(skeletons, test_pairs, np.random.default_rng(3), usable)
    positives = test_pairs.take(of)
    ids = np.concatenate([positives.root_ids[:, 0], positives.root_ids[:, 1], negatives.root_ids[:, 1]])
    places = np.concatenate([positives.points_nm[:, 0], positives.points_nm[:, 1], negatives.points_nm[:, 1]])
    crops, roots = crops_of(cube, ids, places), positives.root_ids[:, 0]
    training = TrainingSettings(STEPS, OptimizerSettings("adamw", RATE, 0.9, 1e-4), warmup=10, schedule="ramped-cosine")
    settings = EncoderSettings(
        training, ContrastiveSettings(augmentation="corrected", masked=True), SMALL, renormalised=False, batch=BATCH
    )
    rows = {"hand features": scored(hand_features(crops), roots)}
    seconds = {}
    for name, pairs in (("trained", train_pairs), ("shuffled positives", shuffled(train_pairs, 4))):
        network, trained = train_encoder(*cube, pairs, settings, tmp_path / name, device=torch.device("cpu"))
        seconds[name] = trained
        rows[name] = scored(embeddings_of(network.encoder, crops), roots)
    rows["untrained"] = scored(embeddings_of(calibrated(crops).encoder, crops), roots)
    with capsys.disabled():
        bodies, spent = len(np.unique(roots)), time.process_time() - started
        print(f"\nFIB-25 smoke: {len(train_pairs)} pairs to train on, {len(of)} triples of {bodies} bodies")
        print(f"{STEPS} steps of {BATCH} pairs; {spent:.0f} s of processor time for all")
        for name, (rate, low, high) in rows.items():
            print(f"  {name:<20} {rate:.3f}  [{low:.3f}, {high:.3f}]")
        for name, done in seconds.items():
            last = done.entries[-1]
            told = f"loss {last['loss']:.3f}, rank {last['rank']:.1f}, false negatives {last['false_negatives']:.3f}"
            print(
                f"  {name}: {done.steps_per_s:.2f} steps/s, waited {done.waited_s:.1f} of {done.seconds:.1f} s; {told}"
            )
    assert rows["shuffled positives"][1] <= rows["untrained"][2]


def calibrated(crops: npt.NDArray[np.uint8]) -> object:
    """The untrained encoder with the moments that its norms see: else it is a constant."""
    network = fresh_network(SMALL, 0, renormalised=False).train()
    with torch.no_grad():
        for _ in range(30):  # norms remember a tenth of each step
            network.encoder(torch.from_numpy(crops[:128]).unsqueeze(1).float() / 255)
    return network.eval()


@pytest.mark.parametrize("name", ["tiny", "segclr"])
def test_steps_a_second(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``make bench``; on a GPU the same test says its steps/s (pytest -m bench -k steps_a_second)."""
    cuda = torch.cuda.is_available()
    batch = 64 if cuda else 2
    training = TrainingSettings(500_000, OptimizerSettings("lars", 0.01, 0.9, 1e-4))
    told = forecast(EncoderSettings(training, architecture=architecture(name), batch=batch), probes=20 if cuda else 2)
    with capsys.disabled():
        print(
            f"\n{name}, {batch} pairs on {told.device}: {told.steps_per_s:.3g} steps/s, "
            f"{told.steps_per_s * told.flops_per_step / 1e12:.3g} TFLOP/s; {told.steps:,} steps: "
            f"{told.here_hours:,.0f} h here, {told.h200_hours:,.2g} h of an H200 at an assumed 40 % of its bf16 peak"
        )
    assert told.steps_per_s > 0
