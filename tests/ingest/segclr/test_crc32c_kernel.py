"""Checksums of bytes against the published vectors and a bit by bit oracle."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.segclr.crc32c_kernel import POLYNOMIAL, crc32c


def of(data: bytes) -> int:
    return crc32c(np.frombuffer(data, dtype=np.uint8))


@pytest.mark.parametrize(
    ("data", "wanted"),
    [(bytes(32), 0x8A9136AA), (b"\xff" * 32, 0x62A8AB43), (bytes(range(32)), 0x46DD794E), (b"123456789", 0xE3069283)],
)
def test_published_vectors(data: bytes, wanted: int) -> None:
    assert of(data) == wanted


@given(st.binary(max_size=100))
@settings(deadline=None)
def test_equals_division_bit_by_bit(data: bytes) -> None:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (POLYNOMIAL if crc & 1 else 0)
    assert of(data) == crc ^ 0xFFFFFFFF
