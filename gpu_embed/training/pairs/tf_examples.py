"""Pairs as Google keeps them: TFRecord files of ``tf.train.Example``, places in voxels of the EM.

Features, all int64: ``skeleton_id-0``, ``skeleton_id-1`` [1], ``center-0``, ``center-1`` [3] (XYZ voxels), ``distance``
[1] (nm along the cable; -1 for pairs of two neurons, which Google's loss leaves out). TensorFlow reads and writes them.
Source: google-research/connectomics ``segclr/tf2/data_input_util.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gpu_embed.checkpoints.tensorflow import tensorflow
from gpu_embed.training.pairs.table import Pairs
from ingest.running import whole_files
from ingest.schema.errors import IdError, ReadError, SchemaError
from ingest.schema.ids import INT64_MAX
from ingest.schema.space import Resolution

SIZES = {"skeleton_id-0": 1, "skeleton_id-1": 1, "center-0": 3, "center-1": 3, "distance": 1}
NONE = -1


def write_examples(path: Path, pairs: Pairs, resolution: Resolution) -> None:
    """One file of all pairs, in their order.

    Args:
        resolution: nm per voxel of the EM that the places are counted in.

    Raises:
        IdError: an id of 2^63 or more, which an int64 cannot hold. MissingExtraError: TensorFlow is not installed.
    """
    tf = tensorflow()
    if len(pairs) and int(pairs.root_ids.max()) > INT64_MAX:
        raise IdError(f"root_id {int(pairs.root_ids.max())} is above 2^63-1: TFRecord examples hold signed integers")
    centres = np.floor(pairs.points_nm / np.array(resolution.xyz)).astype(np.int64)
    distances = np.where(np.isnan(pairs.path_nm), NONE, np.rint(pairs.path_nm)).astype(np.int64)
    with whole_files.write_atomically(path) as new, tf.io.TFRecordWriter(str(new)) as writer:
        for ids, places, distance in zip(pairs.root_ids.tolist(), centres.tolist(), distances.tolist(), strict=True):
            values = {"skeleton_id-0": ids[:1], "skeleton_id-1": ids[1:], "center-0": places[0], "center-1": places[1]}
            values["distance"] = [distance]
            feature = {
                name: tf.train.Feature(int64_list=tf.train.Int64List(value=numbers)) for name, numbers in values.items()
            }
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())


def read_examples(source: str | Path, resolution: Resolution) -> Pairs:
    """All pairs of a file, or of those that ``*`` (Google writes ``@``) in its name stands for, in name order.

    Places are the middles of their voxels. Radii are not in such files.

    Raises:
        ReadError: no such file, a truncated or corrupt one. SchemaError: a feature is missing or of another size.
        IdError: a negative id.
    """
    tf = tensorflow()
    pattern = Path(str(source).replace("@", "*"))
    paths = sorted(map(str, pattern.parent.glob(pattern.name)))
    if not paths:
        raise ReadError(f"{source}: no such file; wanted TFRecord files of pairs")
    numbers: list[list[int]] = []
    for path in paths:
        rows: Iterable[Any] = tf.data.TFRecordDataset(path).as_numpy_iterator()
        try:
            for record, content in enumerate(rows):
                numbers.append(_numbers(tf, path, record, content))
        except tf.errors.OpError as error:
            raise ReadError(f"{path}: {str(error).splitlines()[0]}; is it a whole TFRecord file?") from None
    table = np.array(numbers, dtype=np.int64).reshape(-1, sum(SIZES.values()))
    ids, centres, distance = table[:, :2], table[:, 2:8].reshape(-1, 2, 3), table[:, 8]
    if len(ids) and int(ids.min()) < 0:
        raise IdError(f"{source}: skeleton_id {int(ids.min())}; ids are 0 or more")
    same = ids[:, 0] == ids[:, 1]
    if (distance[same] < 0).any():
        raise SchemaError(f"{source}: a pair of one skeleton has the distance {int(distance[same].min())}")
    points = (centres + 0.5) * np.array(resolution.xyz)
    path_nm = np.where(same, distance.astype(np.float64), np.nan)
    return Pairs(ids.astype(np.uint64), points, path_nm, np.full((len(ids), 2), np.nan))


def _numbers(tf: Any, path: str, record: int, content: bytes) -> list[int]:
    try:
        feature = tf.train.Example.FromString(content).features.feature
    except Exception as error:  # protobuf's own, which is no public name
        raise SchemaError(f"{path}: record {record} is no tf.train.Example ({error})") from None
    found: list[int] = []
    for name, size in SIZES.items():
        values: Sequence[int] = feature[name].int64_list.value if name in feature else ()
        if len(values) != size:
            there = ", ".join(sorted(feature)) or "none"
            raise SchemaError(
                f"{path}: record {record} has {len(values)} numbers of {name}, wanted {size}; it has {there}"
            )
        found += values
    return found
