"""Graphs of one and two neurons in every null: an answer, or one error that says what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab import Graph
from graphlab.motifs.nulls.registered import null_model, null_names
from ingest.schema.errors import AnalysisError

WIRINGS = {
    "one neuron": (1, []),
    "one neuron onto itself": (1, [(1, 1)]),
    "two neurons": (2, []),
    "two neurons, one connection": (2, [(1, 2)]),
    "two neurons, both ways": (2, [(1, 2), (2, 1)]),
    "two neurons, one onto itself": (2, [(1, 2), (2, 2)]),
    "three neurons, one connection": (3, [(1, 2)]),
}
NULLS = ("configuration", "reciprocal", "block", "spatial", "er", "dyad", "triads")


def test_every_null_is_here() -> None:
    for name in NULLS:
        null_model(name)
    assert set(null_names()) <= set(NULLS)


def answered(ask: Callable[[], Any]) -> tuple[Any, str]:
    """The answer, or None and the one line that says why there is none; any other error is a fault."""
    try:
        return ask(), ""
    except AnalysisError as error:
        told = str(error)
    assert len(told.splitlines()) == 1
    return None, told


@pytest.mark.parametrize("wiring", WIRINGS)
def test_nulls_answer_or_say_what_is_missing(tmp_path: Path, wiring: str) -> None:
    n, pairs = WIRINGS[wiring]
    neurons = pd.DataFrame(
        {"root_id": range(1, n + 1), "cell_type": ["a", "b", "a"][:n], "side": ["left", "right", "left"][:n]}
    )
    neurons = neurons.assign(x_nm=neurons["root_id"] * 1e3, y_nm=0.0, z_nm=0.0)
    apart = sum(a != b for a, b in pairs)
    with Graph.create(tmp_path / "g", dataset=wiring) as graph:
        graph.ingest(neurons, as_="neurons")
        if pairs:
            frame = pd.DataFrame(pairs, columns=["pre_root_id", "post_root_id"]).assign(weight=[3.0, 2.0][: len(pairs)])
            graph.ingest(frame, as_="connections")
        for null in NULLS:
            for size in (2, 3, 4):
                found, told = answered(lambda: graph.motifs.significance(size, null, samples=3))  # noqa: B023
                if found is None:
                    assert not apart or null == "triads", told
                else:
                    assert found.observed.sum() == {2: n * (n - 1) // 2, 3: n == 3, 4: 0}[size]
                    assert apart
            tested, told = answered(lambda: graph.motifs.pattern_significance("A -> B", null=null, samples=3))  # noqa: B023
            if tested is None:
                assert not apart or null == "triads", told
            else:
                assert tested.observed.tolist() == [apart]
            answered(lambda: graph.motifs.mine(3, null, samples=2, min_count=1))  # noqa: B023
