"""How ffn_training.npz was made: Google's own code on made labels. Not a test, and not run by one.

Needs TensorFlow, connectomics 20250606 and a checkout of google/ffn at 6f61f6e4b1ba09208ecd01bc93fc43aa7437d3fa:

    PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python TF_USE_LEGACY_KERAS=1 \
    PYTHONPATH=CHECKOUT python tests/data/make_ffn_training.py

``ffn.training.tracker`` of that commit does not parse (an empty ``try``); an empty module stands in for it, as
``ffn.training.examples`` only counts moves with it.

- ``partitions_*``: compute_partitions of the labels with two radii;
- ``coordinates``: build_coordinates of the first of them, XYZ, in the order of its file;
- ``moves_fixed``, ``moves_max``: offsets (XYZ) that training moves to around a coordinate, under an update of the seed
  that stands in for the network: +6 where the object is within a few voxels of the field of view's centre, a little
  where it is farther away, -2 elsewhere.
"""

from __future__ import annotations

import sys
import tempfile
import types
from functools import partial
from pathlib import Path

import numpy as np
from scipy import special
from scipy.ndimage import gaussian_filter

SHAPE = (26, 28, 30)
THRESHOLDS = (0.025, 0.05, 0.075, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
RADII = ((3, 4, 2), (2, 2, 2))
"""XYZ"""
LEAST = 60
MARGIN = (6, 7, 5)
"""ZYX, of the first radius's map"""
FOV, DELTAS = (9, 9, 7), (3, 2, 2)
"""XYZ"""


class ListsOfSlices(np.ndarray):
    """Takes a list of slices for a tuple, as NumPy did when compute_partitions was written."""

    def __getitem__(self, key):
        return super().__getitem__(tuple(key) if isinstance(key, list) else key)


def labels(seed: int) -> np.ndarray:
    """Blobs that touch, nothing between some of them, one of a few voxels, labels beyond 32 bits."""
    rng = np.random.default_rng(seed)
    fields = np.stack([gaussian_filter(rng.standard_normal(SHAPE), 2.2) for _ in range(5)])
    kind = np.where(fields.max(axis=0) > 0.03, fields.argmax(axis=0) + 1, 0).astype(np.int64)
    kind[0, 0, :3] = 9
    return kind * (2**40 + 1)


def update(seed: np.ndarray, patch: np.ndarray, radius: float) -> np.ndarray:
    """What stands in for the network: sees the object (patch is its mask) near the centre only."""
    places = np.stack(np.meshgrid(*[np.arange(n) - n // 2 for n in seed.shape], indexing="ij"))
    near = (places**2).sum(axis=0) <= radius**2
    return (seed + np.where(patch > 0.5, np.where(near, 6.0, 0.25), -2.0)).astype(np.float32)


def moves(policy, info, soft: np.ndarray, canvas: tuple[int, int, int], radius: float) -> np.ndarray:
    from ffn.training import examples

    class Counter:
        def record_move(self, *told):
            pass

        def add_patch(self, *told, volume_name):
            raise StopIteration

    class Done(Exception):
        pass

    calls = iter([0])

    def load():
        if next(calls, None) is None:
            raise Done
        full = soft[None, ..., None]
        return full, full, np.ones_like(full), None, "v"

    found = []
    counter = Counter()

    def told(info, seed, labels, tracker):
        for offset in policy(info, seed, labels, tracker):
            found.append([int(n) for n in offset])
            yield offset

    try:
        for seed, patch, _, _ in examples.get_example(load, counter, info, told, 0.05, canvas):
            seed[0, ..., 0] = update(seed[0, ..., 0], patch[0, ..., 0], radius)
    except (RuntimeError, Done):  # a StopIteration inside a generator
        pass
    return np.array(found)


def main() -> None:
    sys.modules["ffn.training.tracker"] = types.ModuleType("ffn.training.tracker")
    sys.modules["ffn.training.tracker"].EvalTracker = object
    import build_coordinates
    import compute_partitions
    import h5py
    import tensorflow as tf
    from absl import flags
    from ffn.training import examples
    from ffn.training import model as models

    made = {"labels": labels(3), "thresholds": np.array(THRESHOLDS), "radii": np.array(RADII), "least": LEAST,
            "margin": np.array(MARGIN), "fov": np.array(FOV), "deltas": np.array(DELTAS)}  # fmt: skip
    for number, radius in enumerate(RADII):
        corner, inner = compute_partitions.compute_partitions(
            made["labels"].copy().view(ListsOfSlices), list(THRESHOLDS), list(radius), min_size=LEAST
        )
        whole = np.full(SHAPE, 255, dtype=np.uint8)
        whole[tuple(slice(c, c + n) for c, n in zip(corner[::-1], inner.shape, strict=True))] = inner
        made[f"partitions_{number}"] = whole

    with tempfile.TemporaryDirectory() as folder:
        with h5py.File(f"{folder}/af.h5", "w") as file:
            file["af"] = made["partitions_0"]
        flags.FLAGS(["make", f"--partition_volumes=v:{folder}/af.h5:af", f"--coordinate_output={folder}/c.tfrecord",
                     f"--margin={','.join(map(str, MARGIN))}"])  # fmt: skip
        np.random.seed(7)  # noqa: NPY002 (what build_coordinates draws from)
        build_coordinates.main([])
        rows = tf.data.TFRecordDataset(f"{folder}/c.tfrecord", compression_type="GZIP")
        parsed = [tf.train.Example.FromString(row.numpy()) for row in rows]
    made["coordinates"] = np.array([list(one.features.feature["center"].int64_list.value) for one in parsed], np.int16)

    info = models.ModelInfo(np.array(DELTAS), np.array(FOV), np.array(FOV), np.array(FOV))
    shifts = [(x, y, z) for x in (-DELTAS[0], 0, DELTAS[0]) for y in (-DELTAS[1], 0, DELTAS[1])
              for z in (-DELTAS[2], 0, DELTAS[2]) if (x, y, z) != (0, 0, 0)]  # fmt: skip
    order = np.random.default_rng(5).permutation(len(shifts))
    shifts = [shifts[k] for k in order]
    threshold = special.logit(0.9)
    fixed = partial(examples.fixed_offsets, fov_shifts=shifts, threshold=threshold)
    inner = np.zeros(SHAPE, dtype=bool)
    inner[11:-11, 11:-11, 13:-13] = True
    inside = np.argwhere((made["labels"] > 0) & inner)
    centres = [tuple(map(int, inside[k])) for k in np.linspace(0, len(inside) - 1, 4).astype(int)]
    made |= {"shifts": np.array(shifts), "centres": np.array(centres)}
    for count, name, policy in ((1, "fixed", fixed), (3, "max", None)):
        canvas = tuple((np.array(FOV) + 2 * count * np.array(DELTAS))[::-1].tolist())
        if policy is None:
            radius = (np.array(canvas)[::-1] // 2) - np.array(FOV) // 2
            policy = partial(examples.max_pred_offsets, threshold=threshold, max_radius=radius)
        for k, centre in enumerate(centres):
            at = tuple(slice(c - n // 2, c - n // 2 + n) for c, n in zip(centre, canvas, strict=True))
            part = made["labels"][at]
            mine = part[tuple(n // 2 for n in canvas)]
            soft = np.where((part == mine) & (part > 0), 0.95, 0.05).astype(np.float32)
            for radius in (3.0, 6.0):
                made[f"moves_{name}_{k}_{radius:g}"] = moves(policy, info, soft, canvas, radius)
    np.savez_compressed(Path(__file__).with_name("ffn_training.npz"), **made)
    print({name: np.shape(value) for name, value in made.items()})


if __name__ == "__main__":
    main()
