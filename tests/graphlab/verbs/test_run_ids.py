"""Results of different parameters or data have runs of their own; the same work has the same one; nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.store.runs import runs

Frames = Callable[..., pd.DataFrame]

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "census": [{"size": 3}, {"size": 2}, {"size": 3, "min_weight": 5}, {"size": 3, "by": "side"}],
    "census_by_neuropil": [{"size": 3}, {"size": 2}, {"size": 3, "min_weight": 5}],
    "census_sweep": [
        {"size": 3, "thresholds": [1, 5]}, {"size": 2, "thresholds": [1, 5]}, {"size": 3, "thresholds": [5, 1]},
    ],
    "orbits": [{"size": 3}, {"size": 2}, {"size": 3, "min_weight": 5}],
    "roles": [{"size": 3}, {"size": 3, "by": "side"}, {"size": 2}, {"size": 3, "min_weight": 5}],
    "motif_weights": [
        {"size": 3}, {"size": 2}, {"size": 3, "weightings": ["raw"]}, {"size": 3, "min_weight": 5},
        {"size": 3, "weightings": ["raw"], "null": "weights", "samples": 2},
        {"size": 3, "weightings": ["raw"], "null": "weights", "samples": 2, "seed": 1},
        {"size": 3, "weightings": ["raw"], "null": "weights-pre", "samples": 2},
    ],
    "signed_census": [
        {"transmitters": "fly"}, {"transmitters": "mouse"}, {"transmitters": "fly", "min_weight": np.float32(5)},
    ],
    "significance": [
        {"size": 2, "samples": 2}, {"size": 2, "samples": 3}, {"size": 2, "samples": 2, "seed": 1},
        {"size": 2, "samples": 2, "null": "er"}, {"size": 2, "samples": 2, "min_weight": 5},
        {"size": 2, "samples": 2, "null": "block"}, {"size": 2, "samples": 2, "null": "block", "by": "side"},
    ],
    "mine": [{"samples": 2}, {"samples": 2, "seed": 1}, {"samples": 2, "top": 2}, {"samples": 2, "by": "side"}],
}  # fmt: skip


def known(graph: Graph, verb: str) -> dict[str, str]:
    """Run -> hash of its result."""
    rows = graph.query(f"SELECT run_id, result_hash FROM runs WHERE verb = '{verb}'").to_arrow().to_pylist()
    return {row["run_id"]: row["result_hash"] for row in rows}


METHODS = {"motif_weights": "weights"}
"""Verbs whose method is called otherwise than their runs."""


def test_every_verb_that_is_done_again_is_here(graph: Graph) -> None:
    assert set(VARIANTS) >= set(graph.motifs.repeatable())


@pytest.mark.parametrize("verb", VARIANTS)
def test_other_parameters_and_other_data_are_other_runs(
    tmp_path: Any, neurons: Frames, connections: Frames, verb: str
) -> None:
    with Graph.create(tmp_path / "g", dataset="runs") as graph:
        graph.ingest(neurons(nt_type=["ACH", "GABA"] * 30), as_="neurons")
        graph.ingest(connections(m=200), as_="connections")
        for number, words in enumerate(VARIANTS[verb], 1):
            getattr(graph.motifs, METHODS.get(verb, verb))(**words)
            assert len(known(graph, verb)) == number, words
        before = known(graph, verb)
        counted = graph.to_arrow("motif_counts").num_rows
        getattr(graph.motifs, METHODS.get(verb, verb))(**VARIANTS[verb][0])
        assert known(graph, verb) == before, "the same work is the same run"
        assert graph.to_arrow("motif_counts").num_rows == counted
        ids = neurons()["root_id"].to_numpy()
        more = pd.DataFrame({"pre_root_id": ids[:2] + np.uint64(10**6), "post_root_id": ids[:2], "neuropil": "ME"})
        graph.ingest(more.assign(weight=9.0), as_="connections")
        getattr(graph.motifs, METHODS.get(verb, verb))(**VARIANTS[verb][0])
        after = known(graph, verb)
        assert len(after) == len(before) + 1
        assert before.items() <= after.items()
        assert graph.to_arrow("motif_counts").num_rows >= counted


def test_parameters_of_numpy_are_those_of_python(graph: Graph, tmp_path: Any) -> None:
    one = runs.new_run(graph.folder, "census", {"size": np.int64(3), "kinds": ("a", "b"), "at": tmp_path}, {})
    two = runs.new_run(graph.folder, "census", {"size": 3, "kinds": ["a", "b"], "at": str(tmp_path)}, {})
    assert one == two
