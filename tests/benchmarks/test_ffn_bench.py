"""Google's flood-filling network and loop side by side with ours, and the whole FIB-25 cube.

CPU:  GRAPHLAB_REAL_DATA=FOLDER python -m pytest tests/benchmarks/test_ffn_bench.py -m bench -q -s
Cube: add ``-k cube``; GRAPHLAB_FFN_BOX=X,Y,Z:X,Y,Z takes a part, GRAPHLAB_FFN_FOLDER keeps what is finished and goes on
from it. The authors' run took 25,799 fields of view (counters of their file): hours on a CPU's core.
GPU:  add GRAPHLAB_FFN_DEVICE=cuda.

The peer is the graph of the checkpoint's own ``.meta`` file under TensorFlow; it stands in our loop, too, as Google's
loop spends 98.7 % of its time in it. The moves and logits that Google's loop gave are in tests/data/ffn.
"""

from __future__ import annotations

import gzip
import io
import os
import runpy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from gpu_embed.ffn.architecture import Zyx
from gpu_embed.ffn.checkpoint import FfnCheckpoint, read_tensorflow_ffn
from gpu_embed.ffn.engines.choose import open_ffn_engine
from gpu_embed.ffn.engines.protocol import FfnEngine, FfnEngineOptions
from gpu_embed.ffn.loop.canvas import Canvas
from gpu_embed.ffn.loop.fields import HostFields
from gpu_embed.ffn.settings import Floats
from gpu_embed.ffn.subvolumes.segment import SegmentPlan, segment
from gpu_embed.segmentation.boxes import parse_box
from gpu_embed.segmentation.contingency import contingency
from gpu_embed.segmentation.overlap_scores import coverage, overlap_scores
from ingest.schema.errors import GraphlabError
from ingest.volumes.volume import Volume, open_volume

DATA = Path(__file__).parent.parent / "data" / "ffn"
CPU = FfnEngineOptions(device="cpu")
BOUND = 1e-4
FOLLOWED = 12
"""Fields of view in a round of the loop."""


class GoogleEngine:
    """The published graph under TensorFlow."""

    name, batch = "google", 1

    def __init__(self, prefix: Path) -> None:
        self._run = runpy.run_path(str(DATA / "google_loop.py"))["published_graph"](prefix)

    def logits(self, images: Floats, seeds: Floats) -> Floats:
        found: Floats = self._run(images, seeds)[..., 0]
        return found


@pytest.fixture(scope="module")
def folder(real_data: Path) -> Path:
    return real_data / "ffn_fib25_training_sample2"


@pytest.fixture(scope="module")
def published(folder: Path) -> FfnCheckpoint:
    return read_tensorflow_ffn(folder / "google_ffn", "fib25")


@pytest.fixture(scope="module")
def google(folder: Path) -> GoogleEngine:
    return GoogleEngine(folder / "google_ffn" / "model.ckpt-27465036")


def open_grey(folder: Path) -> Volume:
    return open_volume(folder / "grayscale_maps", resolution=(10, 10, 10), offset=(0, 0, 0))


def follow(
    engine: FfnEngine, published: FfnCheckpoint, image: Floats, start: Zyx, steps: int
) -> list[tuple[Zyx, Floats]]:
    """Moves and the logits that each left."""
    a = published.card.architecture
    fields = HostFields(a, published.card.settings, engine)
    run = Canvas(fields, image, a, published.card.settings).follow(start)
    found, step = [], next(run)
    while len(found) < steps:
        answer = fields.step([step])[0]
        low = [c - m for c, m in zip(step.centre, a.margin, strict=True)]
        box = fields.logits(step.slot, (low[0], low[1], low[2]), (low[0] + 33, low[1] + 33, low[2] + 33))
        found.append((step.centre, box.copy()))
        if len(found) < steps:
            step = run.send(answer)
    return found


def start_of(stored: Any) -> Zyx:
    z, y, x = (int(n) for n in stored["start"])
    return z, y, x


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_moves_and_logits(name: str, folder: Path, published: FfnCheckpoint, side_by_side: Any) -> None:
    """All moves that were kept of Google's loop: the same, and the logits that each left."""
    stored = np.load(DATA / "google_moves.npz", allow_pickle=False)
    volume = open_grey(folder)
    image = published.card.settings.normalised(volume.read(volume.start, volume.stop))
    engine = open_ffn_engine(published.card.architecture, published.weights, name, CPU)
    found = follow(engine, published, image, start_of(stored), len(stored["moves"]))
    same = [tuple(move) == tuple(theirs) for (move, _), theirs in zip(found, stored["moves"], strict=True)]
    kept = np.array([box.reshape(-1)[places] for (_, box), places in zip(found, stored["places"], strict=True)])
    furthest = float(np.abs(kept - stored["logits"]).max())
    close = np.flatnonzero(stored["margins"] < 1e-3)
    side_by_side.note(
        f"{name}: {sum(same)} of {len(same)} moves are Google's, logits within {furthest:.1e}; of their decisions, the "
        f"first with a margin below 1e-3 is number {close[0]}, {len(close)} of them are, the smallest margin is "
        f"{stored['margins'].min():.1e}"
    )
    assert all(same)
    assert len(same) >= 100
    assert furthest < BOUND


def test_loops(folder: Path, published: FfnCheckpoint, google: GoogleEngine, side_by_side: Any) -> None:
    """The same moves by each; fields of view, GFLOP and voxels of the object a second apart."""
    stored = np.load(DATA / "google_moves.npz", allow_pickle=False)
    volume = open_grey(folder)
    a = published.card.architecture
    image = published.card.settings.normalised(volume.read(volume.start, volume.stop))
    engines: dict[str, FfnEngine] = {}
    for name, precision in (("openvino", "fp32"), ("torch", "fp32"), ("openvino", "bf16")):
        try:
            options = FfnEngineOptions(precision, "cpu")
            engines[f"{name} {precision}"] = open_ffn_engine(a, published.weights, name, options)
        except GraphlabError as error:
            side_by_side.note(f"{name} {precision} not here: {error}")
    engines["Google's graph"] = google
    loops: dict[str, Callable[[], Any]] = {
        name: partial(follow, engine, published, image, start_of(stored), FOLLOWED) for name, engine in engines.items()
    }
    measured = side_by_side("FFN loop, depth 12, 33^3", loops, rounds=3, warmup=1, work=FOLLOWED, unit="FOV")
    peer = measured["Google's graph"]
    for name, found in measured.items():
        if "bf16" not in name:
            assert [move for move, _ in found.result] == [move for move, _ in peer.result]
            assert max(np.abs(x - y).max() for (_, x), (_, y) in zip(found.result, peer.result, strict=True)) < BOUND
        each, best = found.median / FOLLOWED, min(found.seconds) / FOLLOWED
        side_by_side.note(
            f"{name}: {1 / each:.2f} FOV/s median, {1 / best:.2f} best, {a.flops() / 1e9 / each:.0f} GFLOP/s; times "
            f"Google's: {peer.median / found.median:.2f} of medians, {min(peer.seconds) / min(found.seconds):.2f} of "
            "best rounds"
        )
    flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[-1].split("\n", 1)[0].split()
    said = ", ".join(flag for flag in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if flag in flags)
    side_by_side.note(f"CPU with {said}; bf16 is measured where the CPU has it")


def test_cube(folder: Path, published: FfnCheckpoint, tmp_path: Path, side_by_side: Any) -> None:
    """The cube as one sub-volume, scored beside the authors' segmentation of it."""
    asked = os.environ.get("GRAPHLAB_FFN_BOX")
    place = Path(os.environ.get("GRAPHLAB_FFN_FOLDER", tmp_path / "cube"))
    device = os.environ.get("GRAPHLAB_FFN_DEVICE", "cpu")
    box = parse_box(asked) if asked else ((0, 0, 0), (250, 250, 250))
    plan = SegmentPlan(
        partial(open_grey, folder), published, place, box=box, options=FfnEngineOptions(device=device), save_every_s=60
    )
    done = segment(plan)
    ours = done.pieces[0].labels()
    inside = tuple(slice(a, b) for a, b in zip(*box, strict=True))
    with h5py.File(io.BytesIO(gzip.decompress((folder / "groundtruth.h5.gz").read_bytes()))) as file:
        supervoxels, bodies = file["stack"][...], file["transforms"][...]
    order = np.argsort(bodies[:, 0])
    truth = bodies[order, 1][np.searchsorted(bodies[order, 0], supervoxels)][inside]
    with np.load(folder / "google_ffn" / "sample-training2.npz", allow_pickle=False) as kept:
        theirs = kept["segmentation"][inside]
    masks = {"their mask": theirs > 0, "both": (theirs > 0) & (ours > 0), "all": np.ones(ours.shape, dtype=bool)}
    if asked:  # the authors' fields of view went on beyond a part
        inner = np.zeros(ours.shape, dtype=bool)
        inner[tuple(slice(m, -m) for m in plan.architecture.margin)] = True
        masks |= {f"{mask}, where fields may be centred": kept & inner for mask, kept in masks.items()}
    voi = {}
    for mask, kept_voxels in masks.items():
        for who, labels in (("ours", ours), ("theirs", theirs)):
            found = overlap_scores(
                contingency(truth[kept_voxels].reshape(1, 1, -1), labels[kept_voxels].reshape(1, 1, -1))
            )
            voi[mask, who] = found.voi_split + found.voi_merge
            side_by_side.note(f"cube, {mask}, {who}: VOI split {found.voi_split:.3f}, merge {found.voi_merge:.3f}")
    covered = {who: coverage(contingency(truth, labels)) for who, labels in (("ours", ours), ("theirs", theirs))}
    for who, labels in (("ours", ours), ("theirs", theirs)) if asked else ():
        side_by_side.note(f"cube, {who}: covers {coverage(contingency(truth, labels, inner)):.4f} there")
    objects = done.pieces[0].objects()
    side_by_side.note(
        f"cube {box} (ZYX): {len(objects)} objects, coverage {covered['ours']:.4f} (theirs {covered['theirs']:.4f}); "
        f"{done.steps:,} fields of view of this run in {done.seconds:,.0f} s = {done.steps_per_s:.2f} a second "
        f"{done.engine}; all labelled voxels by its seconds: {np.count_nonzero(ours) / max(done.seconds, 1e-9):,.0f}"
    )
    if not asked:
        assert covered["ours"] >= 0.88
        assert voi["their mask", "ours"] <= 1.05 * voi["their mask", "theirs"]
