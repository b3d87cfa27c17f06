"""Sums over short rows, against numpy."""

from __future__ import annotations

import numpy as np
from numba import njit

from graphlab.motifs.kernels.vectors import add_products, add_row, sum_of_rows


@njit
def summed(sums, at, rows, row):  # type: ignore[no-untyped-def]
    add_row(sums, at, rows, row)


@njit
def multiplied(sums, at, factor, first, one, second, two):  # type: ignore[no-untyped-def]
    add_products(sums, at, factor, first, one, second, two)


@njit
def chosen(sums, at, rows, numbers, begin, middle, end):  # type: ignore[no-untyped-def]
    sum_of_rows(sums, at, rows, numbers, begin, middle, end)


def test_a_row_is_added_and_widened() -> None:
    rng = np.random.default_rng(1)
    sums, rows = rng.integers(-(2**40), 2**40, (3, 32)), rng.integers(-(2**31), 2**31, (5, 32)).astype(np.int32)
    wanted = sums.copy()
    wanted[1] += rows[4]
    summed(sums, 1, rows, np.uint32(4))
    assert sums.tolist() == wanted.tolist()


def test_products_of_two_rows_and_ones() -> None:
    rng = np.random.default_rng(2)
    sums, most = rng.integers(0, 2**40, (4, 16)), 2**31 - 1
    first, second = (rng.integers(-most, most, shape).astype(np.int32) for shape in ((5, 9), (6, 32)))
    wanted = sums.copy()
    wanted[2] += most * np.concatenate([first[1], second[3, :3], [1, 1, 1, 1]])
    multiplied(sums, 2, np.int32(most), first, np.int32(1), second, np.uint32(3))
    assert sums.tolist() == wanted.tolist()


def test_rows_are_added_and_subtracted_by_number() -> None:
    rng = np.random.default_rng(3)
    rows, numbers = rng.integers(-(2**60), 2**60, (20, 8)), rng.integers(0, 20, 30).astype(np.int32)
    sums = np.ones((2, 8), dtype=np.int64)
    for begin, middle, end in ((0, 10, 30), (4, 4, 5), (7, 9, 9), (3, 3, 3)):
        chosen(sums, 1, rows, numbers, begin, middle, end)
        wanted = rows[numbers[begin:middle]].sum(axis=0) - rows[numbers[middle:end]].sum(axis=0)
        assert sums.tolist() == [[1] * 8, wanted.tolist()]
