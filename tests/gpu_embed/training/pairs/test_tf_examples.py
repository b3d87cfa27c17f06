"""Pairs as TFRecord examples, read back by us and by Google's own feature dictionary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

tf = pytest.importorskip("tensorflow")

from gpu_embed.training.pairs.table import Pairs  # noqa: E402
from gpu_embed.training.pairs.tf_examples import read_examples, write_examples  # noqa: E402
from ingest.schema.errors import IdError, ReadError, SchemaError  # noqa: E402
from ingest.schema.space import Resolution  # noqa: E402

SIZE = Resolution(32.0, 32.0, 40.0)


def some_pairs(top: int = 2**63 - 1) -> Pairs:
    ids = np.array([[5, 5], [top, top], [5, top]], dtype=np.uint64)
    points = np.random.default_rng(0).uniform(0, 1e6, (3, 2, 3))
    return Pairs(ids, points, np.array([1200.4, 0.0, np.nan]), np.full((3, 2), np.nan))


@pytest.mark.slow
def test_there_and_back_and_googles_reader(tmp_path: Path) -> None:
    util = pytest.importorskip("connectomics.segclr.tf2.data_input_util")
    pairs = some_pairs()
    write_examples(tmp_path / "pairs-0.tfrecord", pairs, SIZE)
    back = read_examples(tmp_path / "pairs-@.tfrecord", SIZE)
    np.testing.assert_array_equal(back.root_ids, pairs.root_ids)
    np.testing.assert_array_equal(back.path_nm, [1200, 0, np.nan])
    assert (np.abs(back.points_nm - pairs.points_nm) <= np.array(SIZE.xyz) / 2).all()
    files = util.expand_pathspec(str(tmp_path / "pairs-@.tfrecord"))
    features = util.discover_feature_dict(files)
    assert set(features) == {"skeleton_id-0", "skeleton_id-1", "center-0", "center-1", "distance"}
    theirs = [tf.io.parse_single_example(record, features) for record in tf.data.TFRecordDataset(files)]
    assert [int(one["skeleton_id-1"][0]) for one in theirs] == [5, 2**63 - 1, 2**63 - 1]
    assert [int(one["distance"][0]) for one in theirs] == [1200, 0, -1]
    voxels = np.floor(pairs.points_nm / np.array(SIZE.xyz)).astype(int)
    for side in (0, 1):
        np.testing.assert_array_equal([one[f"center-{side}"].numpy()[0] for one in theirs], voxels[:, side])


def test_what_is_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(IdError, match="above 2"):
        write_examples(tmp_path / "a.tfrecord", some_pairs(2**63), SIZE)
    assert not list(tmp_path.iterdir())
    with pytest.raises(ReadError, match="no such file"):
        read_examples(tmp_path / "absent*", SIZE)
    write_examples(tmp_path / "a.tfrecord", some_pairs(), SIZE)
    whole = (tmp_path / "a.tfrecord").read_bytes()
    (tmp_path / "a.tfrecord").write_bytes(whole[:-5])
    with pytest.raises(ReadError, match="whole TFRecord"):
        read_examples(tmp_path / "a.tfrecord", SIZE)
    with tf.io.TFRecordWriter(str(tmp_path / "b.tfrecord")) as writer:
        feature = {"center-0": tf.train.Feature(int64_list=tf.train.Int64List(value=[1, 2]))}
        writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    with pytest.raises(SchemaError, match="record 0 has 0 numbers of skeleton_id-0, wanted 1; it has center-0"):
        read_examples(tmp_path / "b.tfrecord", SIZE)
