"""Memory asked for before it is needed, from inside a kernel.

Tests: tests/graphlab/motifs/kernels/test_read_ahead.py.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic


def _read_ahead(_: Any, array: Any, at: Any) -> Any:
    """``read_ahead(array, at)``: begin to load the cache line of ``array[at]``, along its first axis, and go on.

    It neither waits nor fails: a place outside the array asks for memory that nobody looks at.
    """

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(data.strides, 0)
        place = context.cast(builder, arguments[1], signature.args[1], types.int64)
        bytes_in = builder.bitcast(data.data, ir.IntType(8).as_pointer())
        address = builder.gep(bytes_in, [builder.mul(place, stride)])
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
        ask = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
        builder.call(ask, [address, word(0), word(3), word(1)])  # to read, to keep, data
        return context.get_dummy_value()

    return types.void(array, at), build


read_ahead: Any = intrinsic(_read_ahead)
