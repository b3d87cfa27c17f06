"""Results come back as they were, in the same bytes, and no bytes run code."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from graphlab.distributed.results import decode, encode
from ingest.running.task_runners import TaskError
from ingest.schema.errors import ReadError

kinds = arrays.integer_dtypes() | arrays.floating_dtypes() | arrays.boolean_dtypes() | arrays.unicode_string_dtypes()
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | arrays.arrays(kinds, arrays.array_shapes(min_dims=0, min_side=0, max_dims=3, max_side=3))
    | st.floats().map(np.float64) | st.integers(0, 2**64 - 1).map(np.uint64)
)  # fmt: skip
results = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2) | st.integers(), inner, max_size=3)
    ),
    max_leaves=6,
)


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return same(list(one), list(other)) and same(list(one.values()), list(other.values()))
    if isinstance(one, np.ndarray | np.generic):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return repr(one) == repr(other)


@given(results)
def test_a_result_comes_back_as_it_was(result: Any) -> None:
    content = encode(result)
    assert same(decode(content), result)
    assert encode(decode(content)) == content


@pytest.mark.parametrize("result", [{1, 2}, object(), np.array([object()]), [lambda: 1], np.int64])
def test_other_results_are_refused(result: Any) -> None:
    with pytest.raises(TaskError, match="a result cannot be sent"):
        encode(result)


def test_pickles_are_not_read() -> None:
    sink = io.BytesIO()
    np.save(sink, np.array([print], dtype=object), allow_pickle=True)
    head = encode(np.zeros(0))
    start = head.index(b"\x93NUMPY")
    for content in (pickle.dumps(1), b"", head[:start] + sink.getvalue(), head[:start], head[: start + 9]):
        with pytest.raises(ReadError, match="no result of a task"):
            decode(content)
