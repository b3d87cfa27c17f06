"""Equal content has one hash, whatever objects, files and processes hold it; other content has another."""

from __future__ import annotations

import copy
import operator
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlab.distributed.content import digest, name_of
from graphlab.motifs.census.triads import triad_counts
from graphlab.testing.null_models import example_graph
from ingest.running.task_runners import TaskError

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> str:
    """Tells 1 from True and 0.0 from -0.0, which Python calls equal."""
    return repr(value)


@given(plain, plain)
def test_as_values_are_so_are_their_hashes(one: Any, other: Any) -> None:
    assert digest(one, "it") == digest(copy.deepcopy(one), "it")
    assert (digest(one, "it") == digest(other, "it")) == (written(one) == written(other))


def test_one_object_twice_is_two_equal_objects() -> None:
    word = "".join(["syn", "apse"])
    assert digest([word, word], "it") == digest(["synapse", "".join(["syn", "apse"])], "it")
    pair = (1, 2)
    assert digest((pair, pair), "it") == digest(((1, 2), tuple(map(int, "12"))), "it")


def test_arrays_count_by_their_values(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.int64).reshape(3, 4)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r")
    same = [mapped, np.asfortranarray(values), np.repeat(values, 2, axis=1)[:, ::2]]
    assert {digest(one, "it") for one in same} == {digest(values, "it")}
    others = [values.astype(np.uint64), values.ravel(), values.T, values + 1, values[:0], values[:0, :0], list(values)]
    assert len({digest(one, "it") for one in [values, *others]}) == 1 + len(others)
    assert digest(np.array(["a", None], dtype=object), "it") != digest(np.array(["b", None], dtype=object), "it")


def test_a_function_counts_by_name_and_bound_arrays() -> None:
    graph = example_graph()
    bound = partial(operator.mul, graph.out_target)
    assert digest(bound, "it") == digest(partial(operator.mul, graph.out_target.copy()), "it")
    assert digest(bound, "it") != digest(partial(operator.add, graph.out_target), "it")
    assert digest(bound, "it") != digest(partial(operator.mul, graph.in_source), "it")
    assert digest(graph, "it") != digest(replace(graph, weight=graph.weight + 1), "it")
    assert name_of(partial(operator.mul, partial(triad_counts, 3))) == "graphlab.motifs.census.triads.triad_counts"
    assert name_of(operator.methodcaller("bytes", 9)) == "operator.methodcaller"


def test_sets_have_no_order_between_processes() -> None:
    code = "from graphlab.distributed.content import digest; print(digest({'a', 'b', 'c', ('d', 1)}, 'it'))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(TaskError, match="the function cannot be sent between processes"):
        digest(lambda task: task, "the function")
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(TaskError, match="a task cannot be sent between processes"):
        digest(circle, "a task")
