"""A resolution is three positive lengths, or one clear error."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.schema.errors import SchemaError
from ingest.schema.space import Resolution


@pytest.mark.parametrize(
    "value", ["4,4,40", " 4 , 4 ,40.0", (4, 4, 40), [4.0, 4.0, 40.0], np.array([4, 4, 40]), Resolution(4, 4, 40)]
)
def test_ways_to_say_it(value: object) -> None:
    assert Resolution.parse(value) == Resolution(4, 4, 40)
    assert str(Resolution.parse(value)) == "4,4,40"


@pytest.mark.parametrize("value", ["4,4", "4,4,40,1", "a,b,c", "", 4, None, (4, 4), "mixed"])
def test_what_is_none(value: object) -> None:
    with pytest.raises(
        SchemaError, match=r"resolution: found .*; wanted three numbers X,Y,Z in nm per voxel, like 4,4,40"
    ):
        Resolution.parse(value)


@pytest.mark.parametrize("value", ["0,4,40", "4,-4,40", "4,4,nan", "4,4,inf"])
def test_lengths_are_positive(value: str) -> None:
    with pytest.raises(SchemaError, match=r"resolution: [xyz] is .*; wanted a positive length in nm"):
        Resolution.parse(value)


def test_voxels_to_nm() -> None:
    assert Resolution(4, 4, 40).to_nm([[1, 2, 3], [0, 0, 0]]).tolist() == [[4, 8, 120], [0, 0, 0]]
