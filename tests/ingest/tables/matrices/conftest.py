"""Every reader of tables through one door, as in the folder above."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from ingest.reader import ReadRequest
from ingest.tables import open_source


def read_with(source: Any, as_: str = "connections", **options: Any) -> pa.Table:
    reading = open_source(source, ReadRequest(as_, options=options))
    return pa.Table.from_batches(list(reading.batches), reading.schema)


@pytest.fixture
def read() -> Callable[..., pa.Table]:
    """Everything of a source in our words, by these options."""
    return read_with
