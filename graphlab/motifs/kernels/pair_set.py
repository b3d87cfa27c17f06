"""A hash set of node pairs and a random number generator, both inlined into the swap and anneal kernels.

The set is open addressing with linear probing and backward-shift deletion over one int64 array: key 0 is an
empty slot, so a pair is stored as its number plus one. The generator is xoshiro256++ (Blackman & Vigna 2021),
whose four words of state come from a numpy ``SeedSequence``: the same seed gives the same bytes everywhere.

Tests: tests/graphlab/motifs/kernels/test_swaps.py.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_MIX = np.uint64(0x9E3779B97F4A7C15)
_LOW = np.uint64(0xFFFFFFFF)
_TWO32 = np.uint64(1 << 32)
_S17, _S23, _S32, _S41, _S45, _S19 = (np.uint64(k) for k in (17, 23, 32, 41, 45, 19))


def empty_table(keys: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Room for ``keys`` pairs, int64 zeros; at most a quarter full, since long runs of keys cost more than room."""
    size = 16
    while size < keys * 4:
        size *= 2
    return np.zeros(size, dtype=np.int64)


@njit(cache=True, nogil=True, inline="always")
def next_word(state):  # type: ignore[no-untyped-def]
    """64 random bits; advances ``state`` (uint64 [4])."""
    s0, s1, s2, s3 = state[0], state[1], state[2], state[3]
    x = s0 + s3
    out = ((x << _S23) | (x >> _S41)) + s0
    t = s1 << _S17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= t
    state[0] = s0
    state[1] = s1
    state[2] = s2
    state[3] = (s3 << _S45) | (s3 >> _S19)
    return out


@njit(cache=True, nogil=True)
def below(state, bound):  # type: ignore[no-untyped-def]
    """A whole number in [0, bound), exactly uniform (Lemire 2019); 1 <= bound < 2^31."""
    wide = np.uint64(bound)
    product = (next_word(state) >> _S32) * wide
    low = product & _LOW
    if low < wide:
        threshold = (_TWO32 - wide) % wide
        while low < threshold:
            product = (next_word(state) >> _S32) * wide
            low = product & _LOW
    return np.int64(product >> _S32)


@njit(cache=True, nogil=True)
def chance(state):  # type: ignore[no-untyped-def]
    """A float in [0, 1) with 53 random bits."""
    return np.float64(next_word(state) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True, inline="always")
def slot_of(key, shift):  # type: ignore[no-untyped-def]
    """The home slot of a key in a table of 2^(64 - shift) slots."""
    return np.int64((np.uint64(key) * _MIX) >> shift)


@njit(cache=True, nogil=True)
def shift_of(table):  # type: ignore[no-untyped-def]
    """64 minus the logarithm of the table's length, as ``slot_of`` wants it."""
    bits = 0
    while (1 << bits) < len(table):
        bits += 1
    return np.uint64(64 - bits)


@njit(cache=True, nogil=True)
def contains(table, shift, key):  # type: ignore[no-untyped-def]
    """Whether the set holds ``key`` (>= 1)."""
    mask = len(table) - 1
    at = slot_of(key, shift)
    while table[at] != 0:
        if table[at] == key:
            return True
        at = (at + 1) & mask
    return False


@njit(cache=True, nogil=True, inline="always")
def free_slot(table, shift, key):  # type: ignore[no-untyped-def]
    """The slot where ``key`` would go; -1 when the set holds it."""
    mask = len(table) - 1
    at = slot_of(key, shift)
    entry = table[at]
    while entry != 0 and entry != key:
        at = (at + 1) & mask
        entry = table[at]
    return at if entry == 0 else np.int64(-1)


@njit(cache=True, nogil=True)
def insert(table, shift, key):  # type: ignore[no-untyped-def]
    """Add ``key``; False when it was there already."""
    mask = len(table) - 1
    at = slot_of(key, shift)
    while table[at] != 0:
        if table[at] == key:
            return False
        at = (at + 1) & mask
    table[at] = key
    return True


@njit(cache=True, nogil=True)
def remove(table, shift, key):  # type: ignore[no-untyped-def]
    """Take ``key``, which must be there, out and close the gap it leaves."""
    mask = len(table) - 1
    at = slot_of(key, shift)
    while table[at] != key:
        at = (at + 1) & mask
    hole = at
    while True:
        at = (at + 1) & mask
        moved = table[at]
        if moved == 0:
            break
        # A key may move back into the hole only if its home does not lie behind the hole.
        if ((at - slot_of(moved, shift)) & mask) >= ((at - hole) & mask):
            table[hole] = moved
            hole = at
    table[hole] = 0
