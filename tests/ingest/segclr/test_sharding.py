"""Golden shard numbers of both public conventions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import UnknownNameError
from ingest.segclr.sharding import convention, md5_shard, shards_of

GOLDEN = {
    1: (3132, 39811, 9811),
    1014493630: (4378, 2187, 2187),
    864691135293126156: (8617, 25645, 5645),
    864691135591041291: (885, 7443, 7443),
}


@pytest.mark.parametrize(("segment", "shards"), GOLDEN.items())
def test_golden_values(segment: int, shards: tuple[int, int, int]) -> None:
    assert convention("bytewidth64").shard(segment) == shards[0]
    assert convention(8).shard(segment) == shards[1]
    assert md5_shard(segment, 10_000, bytewidth=8) == shards[2]


@settings(deadline=None)
@given(st.integers(0, 2**64 - 1), st.integers(1, 60_000), st.sampled_from([8, 64]), st.sampled_from(["little", "big"]))
def test_equals_the_published_function(segment: int, shards: int, width: int, order: str) -> None:
    from connectomics.common import sharding

    assert md5_shard(segment, shards, order, width) == sharding.md5_shard(segment, shards, order, width)


def test_an_unknown_convention() -> None:
    with pytest.raises(UnknownNameError, match="known: bytewidth64, bytewidth8"):
        convention("narrow")


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=20),
    st.sampled_from([1, 10_000, 50_000, 2**31]),
    st.sampled_from([8, 64]),
)
def test_many_at_once_equal_one_at_a_time(segments: list[int], shards: int, width: int) -> None:
    found = shards_of(np.array(segments, dtype=np.uint64), shards, width)
    assert found.tolist() == [md5_shard(segment, shards, bytewidth=width) for segment in segments]


def test_widths_and_numbers_that_no_release_has() -> None:
    for shards, width in ((0, 8), (2**31 + 1, 8), (10, 16)):
        with pytest.raises(ValueError, match="wanted 8 or 64 bytes and 1 to 2"):
            shards_of(np.zeros(1, np.uint64), shards, width)
