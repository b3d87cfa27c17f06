"""``graph.circuits.match``: two sides of one brain, two brains, known pairs, types, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import AnalysisError, GraphlabError, VersionError

LEFT, RIGHT = {"side": "left"}, {"side": "right"}
N = 40


def brain(place: Path, seed: int, **about: Any) -> tuple[Graph, dict[int, int]]:
    """Neuron 1000 + i on the left is 2000 + order[i] on the right; connections are mirrored, and a few are not."""
    wiring = np.random.default_rng(11)
    A = (wiring.random((N, N)) < 0.15) * wiring.integers(1, 20, (N, N))
    C = (wiring.random((N, N)) < 0.05) * wiring.integers(1, 20, (N, N))
    rng = np.random.default_rng(seed)
    order = rng.permutation(N)
    rows = []
    for i, j in zip(*np.nonzero(A), strict=True):
        if i != j:
            rows += [(1000 + i, 1000 + j, A[i, j]), (2000 + order[i], 2000 + order[j], A[i, j] + rng.integers(0, 2))]
    for i, j in zip(*np.nonzero(C), strict=True):
        rows += [(1000 + i, 2000 + order[j], C[i, j]), (2000 + order[i], 1000 + j, C[i, j])]
    kinds = [f"type{i % 4}" for i in range(N)]
    neurons = pd.DataFrame(
        {
            "root_id": [*(1000 + i for i in range(N)), *(2000 + order[i] for i in range(N))],
            "side": ["left"] * N + ["right"] * N,
            "cell_type": kinds * 2,
            "twin": [*(2000 + order[i] for i in range(N)), *(1000 + i for i in range(N))],
        }
    )
    graph = Graph.create(place, **about)
    graph.ingest(neurons, as_="neurons")
    graph.ingest(pd.DataFrame(rows, columns=["pre_root_id", "post_root_id", "weight"]).astype(float).astype(
        {"pre_root_id": "int64", "post_root_id": "int64"}), as_="connections")  # fmt: skip
    return graph, {1000 + i: 2000 + int(order[i]) for i in range(N)}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Graph, dict[int, int]]]:
    graph, true = brain(tmp_path_factory.mktemp("match") / "g", 1, dataset="one brain", materialization=1)
    with graph:
        yield graph, true


def right(result: Any, true: dict[int, int]) -> float:
    rows = result.to_pandas()
    return float((rows["root_id"].map(true) == rows["partner_root_id"]).mean())


def test_sides_are_matched_kept_and_rerun(made: tuple[Graph, dict[int, int]]) -> None:
    graph, true = made
    result = graph.circuits.match(LEFT, RIGHT, starts=3, seed=2)
    assert right(result, true) > 0.9
    assert result.about["matched_weight"] > 0
    assert graph.rerun(result.run_id).equal
    rows = result.to_pandas()
    assert rows["shared"].is_monotonic_decreasing
    assert rows["confidence"].isna().all()
    assert any("connections between the sides are used" in note for note in result.notes)
    joined = graph.query(
        "SELECT count(*) AS n FROM matched_neurons m JOIN neurons a ON a.root_id = m.root_id "
        "JOIN neurons b ON b.root_id = m.partner_root_id WHERE a.side = 'left' AND b.side = 'right' AND run_id = $run",
        parameters={"run": result.run_id},
    )
    assert joined.scalar() == N


def test_known_pairs_stay_and_calibrate(made: tuple[Graph, dict[int, int]]) -> None:
    graph, true = made
    some = dict(list(true.items())[:24])
    result = graph.circuits.match(LEFT, RIGHT, known=some, starts=2, folds=3, seed=1)
    rows = result.to_pandas().set_index("root_id")
    assert (rows.loc[list(some), "partner_root_id"] == list(some.values())).all()
    assert rows.loc[list(some), "known"].all()
    assert rows["known"].sum() == len(some)
    assert rows.loc[~rows["known"], "confidence"].between(0, 1).all()
    assert 0.8 < result.about["held_out_accuracy"] <= 1
    assert graph.rerun(result.run_id).equal
    column = graph.circuits.match(LEFT, RIGHT, known="twin", starts=1, folds=0)
    assert right(column, true) == 1.0
    assert column.to_pandas()["known"].all()


def test_types_make_groups_and_speak_for_pairs(made: tuple[Graph, dict[int, int]]) -> None:
    graph, true = made
    types = graph.to_arrow("neurons").to_pandas().set_index("root_id")["cell_type"]
    for options in ({"within_type": "cell_type"}, {"alike": ["cell_type"], "likeness": 100.0}):
        result = graph.circuits.match(LEFT, RIGHT, across=False, starts=1, **options)
        rows = result.to_pandas()
        assert (types[rows["root_id"]].to_numpy() == types[rows["partner_root_id"]].to_numpy()).all()
        assert right(result, true) > 0.9
        assert any("not used" in note for note in result.notes)


def test_another_brain(made: tuple[Graph, dict[int, int]], tmp_path: Path) -> None:
    graph, _ = made
    other, _ = brain(tmp_path / "second", 5, dataset="another brain", materialization=7)
    other.close()
    result = graph.circuits.match(LEFT, LEFT, other=tmp_path / "second", starts=2)
    assert right(result, {1000 + i: 1000 + i for i in range(N)}) > 0.9
    assert graph.rerun(result.run_id).equal
    later, _ = brain(tmp_path / "later", 5, dataset="one brain", materialization=2)
    later.close()
    with pytest.raises(VersionError, match="materialization"):
        graph.circuits.match(LEFT, LEFT, other=tmp_path / "later", starts=1)
    assert graph.circuits.match(LEFT, LEFT, other=tmp_path / "later", starts=1, across_versions=True).run_id


def test_known_ids_beyond_what_floats_hold(tmp_path: Path) -> None:
    big = 2**64 - 10
    with Graph.create(tmp_path / "g") as graph:
        ids = pd.array([big, big + 1, 11, 12], dtype="UInt64")
        graph.ingest(pd.DataFrame({"root_id": ids, "side": ["left", "left", "right", "right"]}), as_="neurons")
        ends = {"pre_root_id": ids[[0, 2]], "post_root_id": ids[[1, 3]]}
        graph.ingest(pd.DataFrame({**ends, "weight": [3.0, 3.0]}), as_="connections")
        for known in ({big: 11}, [(big, 11)]):
            result = graph.circuits.match(LEFT, RIGHT, known=known, starts=1)
            pairs = result.to_arrow().select(["root_id", "partner_root_id"]).to_pylist()
            assert {"root_id": big, "partner_root_id": 11} in pairs
            assert graph.rerun(result.run_id).equal


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"first": {"side": "middle"}}, "middle"),
        ({"second": {"side": ["left", "right"]}}, "in first and in second"),
        ({"known": {1: 2}}, "neuron 1 is not among"),
        ({"known": [(1000, 2000), (1001, 2000)]}, "stands in two pairs"),
        ({"known": [(1000, 2000, 3)]}, "two root_ids"),
        ({"within_type": "cell_type", "known": "wrong"}, "different groups"),
        ({"starts": 0}, "starts is 0"),
        ({"folds": -1}, "folds is -1"),
        ({"likeness": float("nan")}, "likeness is nan"),
    ],
)
def test_what_cannot_be_matched_is_refused(
    made: tuple[Graph, dict[int, int]], options: dict[str, Any], message: str
) -> None:
    graph, true = made
    if options.get("known") == "wrong":
        options = {**options, "known": [(1000, true[1001])]}
    before = len(graph.to_arrow("runs"))
    with pytest.raises((AnalysisError, GraphlabError), match=message):
        graph.circuits.match(**{"first": LEFT, "second": RIGHT, **options})
    assert len(graph.to_arrow("runs")) == before
