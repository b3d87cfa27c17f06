"""MD5 of many short keys at once, as the shard number that SegCLR's file names carry (RFC 1321)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

SINES = np.array([int(abs(math.sin(i + 1)) * 2**32) for i in range(64)], dtype=np.uint32)
TURNS = np.array([7, 12, 17, 22] * 4 + [5, 9, 14, 20] * 4 + [4, 11, 16, 23] * 4 + [6, 10, 15, 21] * 4, dtype=np.uint32)
WORDS = np.array(
    list(range(16))
    + [(5 * i + 1) % 16 for i in range(16)]
    + [(3 * i + 5) % 16 for i in range(16)]
    + [7 * i % 16 for i in range(16)],
    dtype=np.int64,
)


@njit(cache=True, nogil=True)
def _add_block(state: npt.NDArray[np.uint32], block: npt.NDArray[np.uint32]) -> None:
    a, b, c, d = state[0], state[1], state[2], state[3]
    for i in range(64):
        if i < 16:
            f = (b & c) | (~b & d)
        elif i < 32:
            f = (d & b) | (~d & c)
        elif i < 48:
            f = b ^ c ^ d
        else:
            f = c ^ (b | ~d)
        f = np.uint32(f + a + SINES[i] + block[WORDS[i]])
        turn = TURNS[i]
        a, d, c = d, c, b
        b = np.uint32(b + np.uint32((f << turn) | (f >> np.uint32(np.uint32(32) - turn))))
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d


@njit(cache=True, nogil=True)
def md5_remainders(ids: npt.NDArray[np.uint64], bytewidth: int, divisor: int, out: npt.NDArray[np.int64]) -> None:
    """MD5 of each id as ``bytewidth`` little-endian bytes, read as a little-endian integer, modulo ``divisor``.

    Args:
        ids: [n] keys.
        bytewidth: 8 or 64.
        divisor: 1 to 2^31, so that products of two remainders fit 64 bits.
        out: [n] written.
    """
    block = np.zeros(16, dtype=np.uint32)
    state = np.zeros(4, dtype=np.uint32)
    n = np.uint64(divisor)
    word = np.uint64((1 << 32) % divisor)
    for k in range(ids.size):
        state[0] = np.uint32(0x67452301)
        state[1] = np.uint32(0xEFCDAB89)
        state[2] = np.uint32(0x98BADCFE)
        state[3] = np.uint32(0x10325476)
        block[:] = np.uint32(0)
        block[0] = np.uint32(ids[k] & np.uint64(0xFFFFFFFF))
        block[1] = np.uint32(ids[k] >> np.uint64(32))
        if bytewidth == 64:
            _add_block(state, block)
            block[:] = np.uint32(0)
            block[0] = np.uint32(0x80)
        else:
            block[2] = np.uint32(0x80)
        block[14] = np.uint32(bytewidth * 8)
        _add_block(state, block)
        rest = np.uint64(0)
        for j in range(3, -1, -1):
            rest = (rest * word + np.uint64(state[j])) % n
        out[k] = np.int64(rest)
