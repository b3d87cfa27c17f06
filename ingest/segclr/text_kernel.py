"""SegCLR's CSV text to arrays at the speed of memory, every number rounded as Python's ``float`` rounds it.

Numbers of up to 19 digits are decided here: exactly by one floating-point operation where mantissa and power
of ten are both exact (Clinger 1990), otherwise by a 128-bit product with a truncated power of five
(Lemire 2021, "Number Parsing at a Gigabyte per Second"). Whatever neither decides (more digits, extreme
exponents, products too close to a tie) is listed for the caller, who asks Python.

Tests: tests/ingest/segclr/test_text.py.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

LOWEST, HIGHEST = -290, 270
"""Powers of ten decided here: with 19 digits every result is a normal double."""
DECIDED, UNDECIDED, MALFORMED = 0, 1, 2
NODE_ID, NUMBER, TOO_FEW, TOO_MANY, NOT_FINITE, FULL = 1, 2, 3, 4, 5, 6
"""Kinds of problem."""
COMMA, NEWLINE, RETURN, PLUS, MINUS, POINT, ZERO = 44, 10, 13, 43, 45, 46, 48


def _powers_of_five() -> npt.NDArray[np.uint64]:
    """The 128 leading bits of 5^q for q = LOWEST .. HIGHEST, [q - LOWEST] = (high, low); rounded up below zero."""
    table = np.empty((HIGHEST - LOWEST + 1, 2), dtype=np.uint64)
    for q in range(LOWEST, HIGHEST + 1):
        power = 5 ** abs(q)
        if q >= 0:
            bits = power.bit_length()
            leading = power << (128 - bits) if bits <= 128 else power >> (bits - 128)
        else:
            leading = (1 << ((power - 1).bit_length() + 127)) // power + 1
        table[q - LOWEST] = leading >> 64, leading & (2**64 - 1)
    return table


FIVES = _powers_of_five()
TENS = np.array([float(10**k) for k in range(23)])


@njit(cache=True, nogil=True, inline="always")
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The 128-bit product of two 64-bit numbers, (high, low)."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a_low, a_high = a & mask, a >> half
    b_low, b_high = b & mask, b >> half
    low = a_low * b_low
    middle = a_high * b_low + (low >> half)
    other = a_low * b_high + (middle & mask)
    return a_high * b_high + (middle >> half) + (other >> half), (other << half) | (low & mask)


@njit(cache=True, nogil=True)
def _round(digits: np.uint64, q: int) -> tuple[int, float]:
    """The double nearest to digits * 10^q, ties to even; UNDECIDED where 128 bits do not tell."""
    w = digits
    zeros = 0
    for step in (32, 16, 8, 4, 2, 1):
        if w >> np.uint64(64 - step) == np.uint64(0):
            w <<= np.uint64(step)
            zeros += step
    high, low = _product(w, FIVES[q - LOWEST, 0])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        more, _ = _product(w, FIVES[q - LOWEST, 1])
        low += more
        if low < more:
            high += np.uint64(1)
    if low == np.uint64(0xFFFFFFFFFFFFFFFF) and (q < -27 or q > 55):
        return UNDECIDED, 0.0
    upper = high >> np.uint64(63)
    shift = upper + np.uint64(9)
    mantissa = high >> shift
    exponent = ((217706 * q) >> 16) + 63 + (1 if upper else 0) - zeros
    exact_tie = low <= np.uint64(1) and -4 <= q <= 23 and mantissa & np.uint64(3) == np.uint64(1)
    if exact_tie and mantissa << shift == high:
        mantissa &= ~np.uint64(1)
    mantissa = (mantissa + (mantissa & np.uint64(1))) >> np.uint64(1)
    return DECIDED, math.ldexp(float(np.int64(mantissa)), exponent - 52)


@njit(cache=True, nogil=True, inline="always")
def _number(text: Bytes, at: int, end: int) -> tuple[int, int, float]:
    """The number at ``at``: (state, position after it, value). ``end`` bounds the text."""
    begin = at
    negative = False
    if at < end and (text[at] == MINUS or text[at] == PLUS):
        negative = text[at] == MINUS
        at += 1
    digits = np.uint64(0)
    start = at
    leading = True
    skipped = 0
    point = -1
    while at < end:
        c = int(text[at]) - ZERO
        if 0 <= c <= 9:
            digits = digits * np.uint64(10) + np.uint64(c)
            if leading:
                if c == 0:
                    skipped += 1
                else:
                    leading = False
        elif c == POINT - ZERO and point < 0:
            point = at
        else:
            break
        at += 1
    count = at - start
    q = 0
    if point >= 0:
        count -= 1
        q = point + 1 - at
    if count == 0:
        return MALFORMED, begin, 0.0
    if at < end and (text[at] == 101 or text[at] == 69):
        at += 1
        down = False
        if at < end and (text[at] == MINUS or text[at] == PLUS):
            down = text[at] == MINUS
            at += 1
        first = at
        exponent = 0
        while at < end and 48 <= text[at] <= 57:
            if exponent < 100_000:
                exponent = exponent * 10 + int(text[at]) - ZERO
            at += 1
        if at == first:
            return MALFORMED, begin, 0.0
        q += -exponent if down else exponent
    if count - skipped > 19:
        return UNDECIDED, at, 0.0
    if digits == np.uint64(0):
        return DECIDED, at, -0.0 if negative else 0.0
    if -22 <= q <= 22 and digits <= np.uint64(1 << 53):
        exact = float(np.int64(digits))
        value = exact / TENS[-q] if q < 0 else exact * TENS[q]
    elif LOWEST <= q <= HIGHEST:
        state, value = _round(digits, q)
        if state != DECIDED:
            return UNDECIDED, at, 0.0
    else:
        return UNDECIDED, at, 0.0
    return DECIDED, at, -value if negative else value


@njit(cache=True, nogil=True)
def parse_members(
    text: Bytes,
    starts: Ints,
    ends: Ints,
    nodes: npt.NDArray[np.uint64],
    points: npt.NDArray[np.float64],
    vectors: npt.NDArray[np.floating],
    rows_of: Ints,
    undecided: Ints,
    problem: Ints,
) -> int:
    """Rows ``node_id,x,y,z,e0,..`` of several members, one behind the other.

    Args:
        text: [bytes] the text of all members.
        starts, ends: [m] where each lies in ``text``.
        nodes, points, vectors: [capacity], [capacity, 3], [capacity, w] written; w is the width wanted.
        rows_of: [m] written, rows of each member. Empty lines are passed over.
        undecided: [u, 4] written, cells left to Python: row, column (0 is x), start, end in ``text``.
        problem: [6] written where something is wrong: kind, member, 1-based line, column (0 is node_id),
            start, end of the cell; its kind 0 otherwise. Kind FULL: ``undecided`` is too short.

    Returns:
        Rows written; ``problem[5]`` carries the number of undecided cells when all is well.
    """
    width = vectors.shape[1]
    row = 0
    left = 0
    problem[:] = 0
    for member in range(starts.size):
        at, end = starts[member], ends[member]
        before = row
        line = 0
        while at < end:
            line += 1
            if text[at] == NEWLINE:
                at += 1
                continue
            if text[at] == RETURN and at + 1 < end and text[at + 1] == NEWLINE:
                at += 2
                continue
            first = at
            node = np.uint64(0)
            too_big = False
            while at < end and 48 <= text[at] <= 57:
                digit = np.uint64(np.int64(text[at]) - ZERO)
                if node > np.uint64(1844674407370955161) or (
                    node == np.uint64(1844674407370955161) and digit > np.uint64(5)
                ):
                    too_big = True
                node = node * np.uint64(10) + digit
                at += 1
            ended = at >= end or text[at] == COMMA or text[at] == NEWLINE or text[at] == RETURN
            if at == first or too_big or not ended:
                return _problem(problem, NODE_ID, member, line, 0, text, first, end, row)
            nodes[row] = node
            for column in range(width + 3):
                if at >= end or text[at] != COMMA:
                    return _problem(problem, TOO_FEW, member, line, column, text, first, end, row)
                at += 1
                state, after, value = _number(text, at, end)
                if state == MALFORMED or (
                    after < end and text[after] != COMMA and text[after] != NEWLINE and text[after] != RETURN
                ):
                    return _problem(problem, NUMBER, member, line, column + 1, text, at, end, row)
                if state == UNDECIDED:
                    if left == undecided.shape[0]:
                        return _problem(problem, FULL, member, line, column + 1, text, at, end, row)
                    undecided[left, 0] = row
                    undecided[left, 1] = column
                    undecided[left, 2] = at
                    undecided[left, 3] = after
                    left += 1
                if column < 3:
                    points[row, column] = value
                else:
                    vectors[row, column - 3] = value
                    if not math.isfinite(vectors[row, column - 3]):
                        return _problem(problem, NOT_FINITE, member, line, column + 1, text, at, end, row)
                at = after
            if at < end and text[at] == RETURN:
                at += 1
            if at < end and text[at] != NEWLINE:
                return _problem(problem, TOO_MANY, member, line, width + 4, text, first, end, row)
            at += 1
            row += 1
        rows_of[member] = row - before
    problem[5] = left
    return row


@njit(cache=True, nogil=True)
def _problem(
    problem: Ints, kind: int, member: int, line: int, column: int, text: Bytes, start: int, end: int, row: int
) -> int:
    stop = start
    whole_line = kind in (TOO_FEW, TOO_MANY)
    while stop < end and text[stop] != NEWLINE and (whole_line or text[stop] != COMMA):
        stop += 1
    problem[0] = kind
    problem[1] = member
    problem[2] = line
    problem[3] = column
    problem[4] = start
    problem[5] = stop
    return row
