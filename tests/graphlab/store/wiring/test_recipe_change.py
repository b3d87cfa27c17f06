"""A recipe is part of the data: recorded, and results made before it are of another version."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError, VersionError


def test_a_recipe_moves_the_data_version_on(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    graph.ingest(synapses([(1, 2), (2, 3), (3, 1)], score=[0.9, 0.9, 0.1]), as_="synapses")
    before = graph.info().data_version
    first = graph.motifs.census(3)
    assert first.counts["030C"] == 1
    run = next(row["run_id"] for row in graph.to_arrow("runs").to_pylist() if row["verb"] == "census")
    graph.set_recipe(min_score=0.5)
    assert graph.info().data_version != before
    with pytest.raises(VersionError, match="was made on data version"):
        graph.rerun(run)
    assert graph.motifs.census(3).counts["030C"] == 0
    verbs = [row["verb"] for row in graph.to_arrow("runs").to_pylist()]
    assert sorted(verbs) == ["census", "census", "ingest", "recipe"], "each census is a run of its own"


def test_the_same_recipe_again_changes_nothing(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    graph.ingest(synapses([(1, 2)], score=[0.9]), as_="synapses")
    before = graph.info().data_version
    assert graph.set_recipe().data_version == before
    after = graph.set_recipe(min_score=0.5).data_version
    assert graph.set_recipe(min_score=0.5).data_version == after


def test_a_recipe_before_the_first_source(graph: Graph, synapses: Callable[..., pa.Table]) -> None:
    graph.set_recipe(min_score=0.5)
    graph.ingest(synapses([(1, 2), (2, 3)], score=[0.9, 0.1]), as_="synapses")
    assert graph.info().counts["connections"] == 1


def test_ready_connections_have_no_recipe(graph: Graph, connections: Callable[..., pa.Table]) -> None:
    graph.ingest(connections([(1, 2, 3.0)]), as_="connections")
    with pytest.raises(SchemaError, match="came ready.*min_weight"):
        graph.set_recipe(min_score=0.5)
    assert graph.info().recipe == {
        "min_score": None,
        "merge_within_nm": None,
        "weight_counts": "weights of the source",
    }
