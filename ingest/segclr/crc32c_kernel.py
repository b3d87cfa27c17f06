"""CRC-32C (Castagnoli, RFC 3720 appendix B.4), byte by byte from a table."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

POLYNOMIAL = 0x82F63B78
"""Reflected."""


def _table() -> npt.NDArray[np.uint32]:
    values = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        values = np.where(values & 1, (values >> 1) ^ np.uint32(POLYNOMIAL), values >> 1).astype(np.uint32)
    return values


TABLE = _table()


@njit(cache=True, nogil=True)
def crc32c(data: npt.NDArray[np.uint8]) -> int:
    """The checksum of bytes, an integer below 2^32."""
    crc = np.uint32(0xFFFFFFFF)
    for i in range(data.size):
        crc = TABLE[(crc ^ data[i]) & np.uint32(0xFF)] ^ (crc >> np.uint32(8))
    return int(crc ^ np.uint32(0xFFFFFFFF))
