from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gpu_embed.ffn.subvolumes.label_volume import label_volume
from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.volume import open_volume

START, STOP = (5, 60, 100), (75, 110, 170)
SIZE = Resolution(8, 8, 30)


@pytest.mark.parametrize("scheme", ["precomputed", "zarr"])
def test_what_is_written_is_read_where_it_lies(scheme: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2**63, (70, 50, 70), dtype=np.uint64) * rng.integers(0, 2, (70, 50, 70), dtype=np.uint64)
    labels[30:40] = 0
    url = f"{scheme}://{tmp_path / 'out' / 'labels'}"
    with label_volume(url, START, STOP, SIZE) as write:
        write(START, labels[:30])
        write((45, 60, 100), labels[40:])  # not along chunks
    volume = open_volume(url)
    assert (volume.start, volume.stop, volume.resolution, volume.dtype) == (START, STOP, SIZE, np.uint64)
    np.testing.assert_array_equal(volume.read(START, STOP), labels)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["labels"]
    with pytest.raises(ReadError, match="exists; remove it"), label_volume(url, START, STOP, SIZE):
        pass


def test_nothing_is_there_after_an_error(tmp_path: Path) -> None:
    url = f"precomputed://{tmp_path / 'labels'}"
    with pytest.raises(KeyError), label_volume(url, START, STOP, SIZE) as write:
        write(START, np.ones((3, 3, 3), dtype=np.uint64))
        raise KeyError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("n5://x", "wanted precomputed://PLACE or zarr://PLACE"),
        ("labels", "wanted precomputed://PLACE or zarr://PLACE"),
        ("zarr://gs://bucket/x", "zarr is written to local folders"),
    ],
)
def test_other_places(url: str, said: str) -> None:
    with pytest.raises(SchemaError, match=said), label_volume(url, START, STOP, SIZE):
        pass
