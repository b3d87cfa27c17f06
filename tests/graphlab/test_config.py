"""Limits of the environment."""

from __future__ import annotations

import sys

import pytest

from graphlab.config import DuckDBSettings
from ingest.schema.errors import SchemaError


@pytest.mark.parametrize(
    ("text", "size"), [("4GB", 4 << 30), ("300 MB", 300 << 20), ("none", sys.maxsize), ("-1", sys.maxsize)]
)
def test_memory_is_a_size(text: str, size: int) -> None:
    assert DuckDBSettings(text).memory_bytes == size


def test_a_share_is_of_the_memory_of_the_machine() -> None:
    assert 1 << 20 < DuckDBSettings("50%").memory_bytes == DuckDBSettings("100%").memory_bytes // 2


@pytest.mark.parametrize("text", ["much", "%", "..5%"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(SchemaError, match="GRAPHLAB_MEMORY"):
        _ = DuckDBSettings(text).memory_bytes
