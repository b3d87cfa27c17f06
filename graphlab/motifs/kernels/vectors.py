"""Sums over short rows of fixed width as vector instructions, where the compiler cannot know that rows are apart.

Tests: tests/graphlab/motifs/kernels/test_vectors.py.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

BYTE, SHORT, WORD = ir.IntType(8), ir.IntType(32), ir.IntType(64)


def _row(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """The address of ``array[at]``, along the first axis."""
    data = context.make_array(kind)(context, builder, array)
    stride = builder.extract_value(data.strides, 0)
    return builder.gep(builder.bitcast(data.data, BYTE.as_pointer()), [builder.mul(at, stride)])


def _load(builder: Any, address: Any, element: Any, lanes: int) -> Any:
    kind = ir.VectorType(element, lanes)
    return builder.load(builder.bitcast(address, kind.as_pointer()), align=element.width // 8)


def _add_to(builder: Any, address: Any, vector: Any) -> None:
    place = builder.bitcast(address, vector.type.as_pointer())
    builder.store(builder.add(builder.load(place, align=8), vector), place, align=8)


def _whole(context: Any, builder: Any, signature: Any, arguments: Any, number: int) -> Any:
    return context.cast(builder, arguments[number], signature.args[number], types.int64)


def _add_row(_: Any, sums: Any, at: Any, row: Any, row_at: Any) -> Any:
    """``add_row(sums, at, row, row_at)``: ``sums[at, :32] += row[row_at, :32]``, int64 and int32."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _row(context, builder, sums, arguments[0], _whole(context, builder, signature, arguments, 1))
        of = _row(context, builder, row, arguments[2], _whole(context, builder, signature, arguments, 3))
        wide = builder.sext(_load(builder, of, SHORT, 32), ir.VectorType(WORD, 32))
        _add_to(builder, to, wide)
        return context.get_dummy_value()

    return types.void(sums, at, row, row_at), build


def _add_products(
    _: Any, sums: Any, at: Any, factor: Any, first: Any, first_at: Any, second: Any, second_at: Any
) -> Any:
    """``add_products(sums, at, factor, first, first_at, second, second_at)`` of int64 [16] and int32 rows.

    ``sums[at] += factor * [*first[first_at, :9], *second[second_at, :3], 1, 1, 1, 1]``; 16 numbers are read of either.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        to = _row(context, builder, sums, arguments[0], _whole(context, builder, signature, arguments, 1))
        one = _row(context, builder, first, arguments[3], _whole(context, builder, signature, arguments, 4))
        two = _row(context, builder, second, arguments[5], _whole(context, builder, signature, arguments, 6))
        narrow, wide = ir.VectorType(SHORT, 16), ir.VectorType(WORD, 16)

        def picked(a: Any, b: Any, lanes: list[int]) -> Any:
            return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(SHORT, 16), lanes))

        both = picked(
            _load(builder, one, SHORT, 16), _load(builder, two, SHORT, 16), [*range(9), 16, 17, 18, 0, 0, 0, 0]
        )
        both = picked(both, ir.Constant(narrow, [1] * 16), [*range(12), 16, 16, 16, 16])
        many = context.cast(builder, arguments[2], signature.args[2], types.int32)
        lanes = builder.insert_element(ir.Constant(narrow, ir.Undefined), many, SHORT(0))
        lanes = picked(lanes, lanes, [0] * 16)
        _add_to(builder, to, builder.mul(builder.sext(both, wide), builder.sext(lanes, wide)))
        return context.get_dummy_value()

    return types.void(sums, at, factor, first, first_at, second, second_at), build


def _sum_of_rows(_: Any, sums: Any, at: Any, rows: Any, numbers: Any, begin: Any, middle: Any, end: Any) -> Any:
    """``sum_of_rows(sums, at, rows, numbers, begin, middle, end)`` of int64 [8] rows and int32 numbers.

    ``sums[at] = rows[numbers[begin:middle]].sum(0) - rows[numbers[middle:end]].sum(0)``.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.VectorType(WORD, 8)
        total = cgutils.alloca_once_value(builder, ir.Constant(kind, [0] * 8))  # type: ignore[no-untyped-call]
        ends = [_whole(context, builder, signature, arguments, number) for number in (4, 5, 6)]
        for first, last, change in ((ends[0], ends[1], builder.add), (ends[1], ends[2], builder.sub)):
            with cgutils.for_range(builder, builder.sub(last, first)) as loop:
                place = _row(context, builder, numbers, arguments[3], builder.add(first, loop.index))
                number = builder.sext(builder.load(builder.bitcast(place, SHORT.as_pointer())), WORD)
                row = _load(builder, _row(context, builder, rows, arguments[2], number), WORD, 8)
                builder.store(change(builder.load(total), row), total)
        to = _row(context, builder, sums, arguments[0], _whole(context, builder, signature, arguments, 1))
        builder.store(builder.load(total), builder.bitcast(to, kind.as_pointer()), align=8)
        return context.get_dummy_value()

    return types.void(sums, at, rows, numbers, begin, middle, end), build


sum_of_rows: Any = intrinsic(_sum_of_rows)
add_row: Any = intrinsic(_add_row)
add_products: Any = intrinsic(_add_products)
