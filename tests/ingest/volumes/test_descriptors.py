"""Google's JSON both ways, with Google's published classes as the oracle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.volumes.boxes.bounding_box import BoundingBox
from ingest.volumes.descriptors import VolumeDescriptor, VolumeMetadata, descriptor_source

pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning", "ignore::marshmallow.warnings.RemovedInMarshmallow4Warning"
)
triples = st.tuples(*[st.integers(-(2**40), 2**40)] * 3)
sizes = st.tuples(*[st.integers(1, 2**40)] * 3)
flags = st.tuples(*[st.booleans()] * 3)
boxes = st.builds(BoundingBox, triples, sizes, flags, flags)


@pytest.fixture(scope="module")
def google() -> Any:
    pytest.importorskip("connectomics")
    from connectomics.common import bounding_box
    from connectomics.volume import descriptor, metadata

    class Google:
        Box = bounding_box.BoundingBox
        Metadata = metadata.VolumeMetadata
        Descriptor = descriptor.VolumeDescriptor

    return Google


@given(boxes)
def test_boxes_both_ways(google: Any, box: BoundingBox) -> None:
    theirs = google.Box.from_json(box.to_json())
    assert theirs.start.tolist() == box.start.tolist()
    assert theirs.end.tolist() == box.end.tolist()
    # Google's own reader drops the border flags of its own JSON; its writer has them.
    theirs = google.Box(box.start, box.size, is_border_start=box.is_border_start, is_border_end=box.is_border_end)
    assert json.loads(theirs.to_json()) == box.to_dict()
    assert BoundingBox.from_json(theirs.to_json()) == box


@given(boxes, sizes, st.sampled_from(["uint8", "uint64", "float32"]), st.integers(1, 4))
def test_metadata_both_ways(google: Any, box: BoundingBox, size: Any, dtype: str, channels: int) -> None:
    ours = VolumeMetadata("a/b", size, Resolution(8, 8, 40.5), (box,), channels, np.dtype(dtype))
    theirs = google.Metadata.from_json(ours.to_json())
    assert tuple(theirs.volume_size) == size
    assert theirs.pixel_size.z == 40.5
    assert (theirs.num_channels, theirs.dtype) == (channels, np.dtype(dtype))
    back = VolumeMetadata.from_json(theirs.to_json())
    assert back == ours
    for factor in (0.5, 2, (1, 2, 0.25)):
        scaled, expected = ours.scale(factor, "new"), theirs.scale(factor, "new")
        assert scaled.volume_size == tuple(expected.volume_size)
        assert scaled.pixel_size.xyz == tuple(expected.pixel_size)
        assert [(b.start.tolist(), b.size.tolist()) for b in scaled.bounding_boxes] == [
            (b.start.tolist(), b.size.tolist()) for b in expected.bounding_boxes
        ]
        assert (scaled.path, scaled.num_channels, scaled.dtype) == (
            "new",
            channels,
            np.dtype(dtype),
        )  # theirs drops two
    assert ours.scale_xy(2) == ours.scale((2, 2, 1))


def test_descriptor_both_ways(google: Any) -> None:
    spec = {"driver": "zarr3", "kvstore": "file:///somewhere/"}
    ours = VolumeDescriptor(spec, Resolution(8, 8, 40), (BoundingBox((1, 2, 3), (4, 5, 6)),))
    theirs = google.Descriptor.from_json(ours.to_json())
    assert theirs.tensorstore_config.spec == spec
    assert theirs.tensorstore_config.metadata.voxel_size == (8, 8, 40)
    assert theirs.tensorstore_config.metadata.bounding_boxes[0].end.tolist() == [5, 7, 9]
    assert VolumeDescriptor.from_json(theirs.to_json()) == ours


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "found list; wanted a JSON object"),
        ({"volinfo": "/x"}, "wanted tensorstore_config"),
        ({"tensorstore_confg": {}}, "did you mean 'tensorstore_config'"),
        ({"tensorstore_config": {"metadata": None}}, "has no 'spec'"),
        ({"tensorstore_config": {"spec": {}, "metadata": {"voxel_size": [8, 8]}}}, "wanted three numbers"),
        ({"tensorstore_config": {"spec": {}, "metadata": {"voxel_size": [0, 8, 8]}}}, "wanted a positive length"),
    ],
)
def test_bad_descriptors_say_what_is_wrong(document: Any, message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        VolumeDescriptor.from_dict(document)


def test_descriptor_files(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    with pytest.raises(ReadError, match="No such file"):
        descriptor_source(path)
    path.write_text("{")
    with pytest.raises(ReadError, match="is no JSON"):
        descriptor_source(path)
    path.write_text(json.dumps({"spec": {"driver": "n5"}}))
    assert descriptor_source(path) == ({"driver": "n5"}, None)
    path.write_text(json.dumps({"tensorstore_config": {"spec": {}}, "decorator_specs": [{"decorator": "CLAHE"}]}))
    with pytest.raises(SchemaError, match="decorators"):
        descriptor_source(path)
