"""Against TensorFlow, which writes the checkpoints here and reads them, too."""

from __future__ import annotations

import re
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from gpu_embed.checkpoints.tensor_bundle import TensorBundle, masked_crc32c
from ingest.schema.errors import ReadError, UnknownNameError

tf = pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred tensors: the index has several blocks, and names that begin alike."""
    root, rng = tf.Module(), np.random.default_rng(0)
    for i in range(200):
        shape = [(), (3,), (2, 3, 5), (0,)][i % 4]
        dtype = [np.float32, np.float64, np.int32, np.int64, np.float16, np.bool_][i % 6]
        value = (rng.normal(size=shape) * 10).astype(dtype)
        setattr(root, f"variable_with_a_long_name_{i}", tf.Variable(value, dtype=dtype))
    return Path(tf.train.Checkpoint(root).write(str(tmp_path_factory.mktemp("bundle") / "model.ckpt-1")))


def test_every_tensor_is_what_tensorflow_reads(prefix: Path) -> None:
    bundle, theirs = TensorBundle(prefix), tf.train.load_checkpoint(str(prefix))
    names = [name for name in theirs.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    assert sorted(bundle.entries) == sorted(names)
    assert len(names) == 200
    for name in names:
        value, wanted = bundle.read(name), theirs.get_tensor(name)
        assert value.dtype == np.asarray(wanted).dtype
        np.testing.assert_array_equal(value, wanted)


def test_a_name_that_is_not_there(prefix: Path) -> None:
    with pytest.raises(UnknownNameError, match="unknown tensor of model.ckpt-1 'save_counter'"):
        TensorBundle(prefix).read("save_counter")


@pytest.mark.parametrize("content", [b"", b"123456789", bytes(1000)])
def test_checksums(content: bytes) -> None:
    crc = google_crc32c.value(content)
    assert masked_crc32c(content) == (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


@pytest.mark.parametrize("at", [0, 100, -60, -1])
def test_a_damaged_index(prefix: Path, tmp_path: Path, at: int) -> None:
    content = bytearray(Path(f"{prefix}.index").read_bytes())
    content[at] ^= 255
    (tmp_path / "model.ckpt-1.index").write_bytes(content)
    with pytest.raises(ReadError, match="no whole index"):
        TensorBundle(tmp_path / "model.ckpt-1")


def test_damaged_and_missing_shards(prefix: Path, tmp_path: Path) -> None:
    copied = tmp_path / "model.ckpt-1"
    shard = tmp_path / "model.ckpt-1.data-00000-of-00001"
    Path(f"{copied}.index").write_bytes(Path(f"{prefix}.index").read_bytes())
    whole = Path(f"{prefix}.data-00000-of-00001").read_bytes()
    name = "variable_with_a_long_name_2/.ATTRIBUTES/VARIABLE_VALUE"
    entry = TensorBundle(prefix).entries[name]
    with pytest.raises(ReadError, match="No such file"):
        TensorBundle(copied).read(name)
    shard.write_bytes(whole[: entry.offset + 1])
    with pytest.raises(ReadError, match=re.escape(f"ends before {name}")):
        TensorBundle(copied).read(name)
    changed = bytearray(whole)
    changed[entry.offset] ^= 1
    shard.write_bytes(changed)
    with pytest.raises(ReadError, match=re.escape(f"the checksum of {name} is another")):
        TensorBundle(copied).read(name)
    with pytest.raises(ReadError, match="No such file"):
        TensorBundle(tmp_path / "other")
