"""Several starts: the best of them, numbering, stability, settings that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphlab.circuits.communities.found import agreement, agreement_with, find_communities, numbered, overlap
from ingest.schema.errors import AnalysisError, UnknownNameError
from queries.snapshot import Snapshot


def with_loners(graph: Snapshot) -> Snapshot:
    """Two more neurons, the first and the last, without connections."""
    ids = np.arange(graph.n + 2, dtype=np.uint64)
    return Snapshot.from_edges(ids, graph.sources() + 1, graph.out_target + 1, graph.weight)


@pytest.mark.parametrize("method", ["leiden", "block-model"])
def test_the_best_start_is_kept(three: Snapshot, method: str) -> None:
    graph = with_loners(three)
    found = find_communities(graph, method, starts=3, seed=2)
    assert found.community[0] == found.community[-1] == -1
    assert found.sizes.tolist() == [30, 30, 30]
    assert found.quality[found.best] == found.quality.max()
    again = find_communities(graph, method, starts=3, seed=2)
    assert again.community.tobytes() == found.community.tobytes()
    assert again.quality.tobytes() == found.quality.tobytes()
    assert np.isnan(found.stability[0])
    assert found.rand == pytest.approx(found.stability[1:-1].mean(), abs=0.2)
    assert "two starts agree with an ARI of" in found.sentence
    one = find_communities(graph, method, starts=1)
    assert np.isnan(one.rand)
    assert "nothing is known of its stability" in one.sentence


def test_numbers_go_by_size_and_agreement_is_of_every_two() -> None:
    assert numbered(np.array([7, 3, 3, 9, 9, 9, 1])).tolist() == [2, 1, 1, 0, 0, 0, 3]
    same = [np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), np.array([0, 0, 1, 2])]
    assert agreement(same[:2]) == (1.0, 1.0)
    assert agreement(same)[0] < 1
    assert overlap(same, 0).tolist() == [1.0, 1.0, 0.75, 0.75]
    assert np.isnan(agreement(same[:1])).all()


def test_labels_that_some_lack() -> None:
    community = np.array([0, 0, 1, 1, -1, 0])
    found = agreement_with("cell_type", ["a", "a", "b", "b", "a", None], community)
    assert (found.rand, found.mutual, found.neurons, found.labels, found.lacking) == (1.0, 1.0, 4, 2, 1)
    assert "1 without one are left out" in found.sentence
    with pytest.raises(AnalysisError, match="has a value in the column 'cell_type'"):
        agreement_with("cell_type", [None] * 6, community)


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"method": "leyden"}, UnknownNameError, "leiden"),
        ({"resolution": 0.0}, AnalysisError, "above 0"),
        ({"resolution": float("nan")}, AnalysisError, "above 0"),
        ({"method": "block-model", "resolution": 1.0}, AnalysisError, "setting of leiden"),
        ({"blocks": 3}, AnalysisError, "setting of block-model"),
        ({"method": "block-model", "blocks": 0}, AnalysisError, "1 or more"),
        ({"method": "block-model", "blocks": 91}, AnalysisError, "90 neurons"),
        ({"starts": 0}, AnalysisError, "number of starts"),
    ],
)
def test_settings_that_do_not_fit(three: Snapshot, settings: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        find_communities(three, **settings)


def test_nothing_to_divide() -> None:
    for n, weight in ((0, None), (1, None), (2, 0.0)):
        edges: tuple[list[int], list[int], list[float]] = ([], [], []) if weight is None else ([0], [1], [weight])
        graph = Snapshot.from_edges(np.arange(n, dtype=np.uint64), *edges)
        with pytest.raises(AnalysisError, match="no connection with a weight above 0"):
            find_communities(graph)
