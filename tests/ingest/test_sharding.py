"""Golden shard numbers of both public conventions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import UnknownNameError
from ingest.sharding import convention, md5_shard

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


@given(st.integers(0, 2**64 - 1), st.integers(1, 60_000), st.sampled_from([8, 64]), st.sampled_from(["little", "big"]))
def test_equals_the_published_function(segment: int, shards: int, width: int, order: str) -> None:
    from connectomics.common import sharding

    assert md5_shard(segment, shards, order, width) == sharding.md5_shard(segment, shards, order, width)


def test_an_unknown_convention() -> None:
    with pytest.raises(UnknownNameError, match="known: bytewidth64, bytewidth8"):
        convention("narrow")
