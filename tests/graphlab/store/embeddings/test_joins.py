"""Joins within and across segmentation versions; nearest nodes against brute force."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from graphlab.store.embeddings.files import EmbeddingSet, write_embeddings
from graphlab.store.embeddings.joins import join_by_id, join_by_place, nearest_in_neuron, nodes_of_side
from ingest.schema.errors import IdError, SchemaError, VersionError
from ingest.schema.words import EMBEDDINGS, ID


@pytest.fixture
def made(tmp_path: Path) -> tuple[EmbeddingSet, np.ndarray, np.ndarray]:
    """40 nodes of neurons 1..4 in a cube of 1000 nm; their owners and positions."""
    rng = np.random.default_rng(3)
    owner = np.sort(rng.integers(1, 5, 40)).astype(np.uint64)
    point = (rng.random((40, 3)) * 1000).astype(np.float32)
    columns = [pa.array(owner, ID), pa.array(np.arange(40), ID), *(pa.array(point[:, axis]) for axis in range(3))]
    columns.append(pa.FixedSizeListArray.from_arrays(pa.array(rng.random(80).astype(np.float32)), 2))
    batch = pa.RecordBatch.from_arrays(columns, names=EMBEDDINGS.names())
    path = write_embeddings(tmp_path, [batch], width=2).path
    return EmbeddingSet.open([path], model="m", segmentation_version="343"), owner, point.astype(np.float64)


def ids(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def test_an_id_join_needs_equal_versions(made: tuple[EmbeddingSet, np.ndarray, np.ndarray]) -> None:
    found = join_by_id(made[0], ids(1, 2, 99), "343")
    assert found.embedded_ids.tolist() == [1, 2, 0]
    assert found.coverage == pytest.approx(2 / 3)
    with pytest.raises(VersionError, match="segmentation 343, the ids to 943"):
        join_by_id(made[0], ids(1), "943")


def test_an_id_map_leads_across_versions(made: tuple[EmbeddingSet, np.ndarray, np.ndarray]) -> None:
    table = pa.table(
        {"root_id": pa.array([10, 20, 20, 30, 40, 40], ID), "embedded_root_id": pa.array([1, 2, 3, 99, 4, 4], ID)}
    )
    found = join_by_id(made[0], ids(10, 20, 30, 40, 50), "943", table)
    assert found.embedded_ids.tolist() == [1, 0, 0, 4, 0]
    assert found.ambiguous.tolist() == [False, True, False, False, False]
    with pytest.raises(SchemaError, match="wanted 'root_id'"):
        join_by_id(made[0], ids(10), "943", table.rename_columns(["old", "new"]))
    with pytest.raises(IdError, match="floats"):
        wrong = table.set_column(1, "embedded_root_id", pa.array([1.0] * 6))
        join_by_id(made[0], ids(10), "943", wrong)
    with pytest.raises(SchemaError, match="id map is empty"):
        join_by_id(made[0], ids(10), "943", table.slice(0, 0))


@pytest.mark.parametrize("radius", [50.0, 200.0, 1e6])
def test_nearest_nodes_agree_with_brute_force(made: tuple[EmbeddingSet, np.ndarray, np.ndarray], radius: float) -> None:
    embeddings, owner, point = made
    rng = np.random.default_rng(4)
    asked = rng.integers(1, 6, 100).astype(np.uint64)
    places = rng.random((100, 3)) * 1000
    places[7] = np.nan
    node, distance = nearest_in_neuron(embeddings, asked, places, radius)
    across = join_by_place(embeddings, places[8:], radius)
    for i in range(100):
        lengths = np.linalg.norm(point - places[i], axis=1)
        own = np.where(owner == asked[i], lengths, np.inf)
        if i == 7 or own.min() > radius:
            assert np.isinf(distance[i])
        else:
            assert distance[i] == pytest.approx(own.min())
            assert node[i] == own.argmin()
        if i > 7:
            inside = owner[lengths <= radius]
            assert across.ambiguous[i - 8] == (len(set(inside.tolist())) > 1)
            assert across.embedded_ids[i - 8] == (owner[lengths.argmin()] if len(inside) else 0)


def test_both_sides_of_each_synapse(made: tuple[EmbeddingSet, np.ndarray, np.ndarray]) -> None:
    embeddings, owner, point = made
    table = pa.table(
        {
            "synapse_id": pa.array([100, 200], ID),
            "pre_root_id": pa.array([owner[0], 77], ID),
            "post_root_id": pa.array([owner[-1], owner[5]], ID),
            **{f"{axis}_nm": [float(point[0, i]), float(point[5, i])] for i, axis in enumerate("xyz")},
        }
    )
    sides = {side: table[f"{side}_root_id"].combine_chunks().to_numpy() for side in ("pre", "post")}
    rows = [
        row for side, roots in sides.items() for row in nodes_of_side(embeddings, table, side, roots, 1e6).to_pylist()
    ]
    assert [(row["synapse_id"], row["side"]) for row in rows] == [(100, "pre"), (100, "post"), (200, "post")]
    assert rows[0]["distance_nm"] == 0
    assert rows[2]["node_id"] == 5


def test_models_are_never_compared(made: tuple[EmbeddingSet, np.ndarray, np.ndarray]) -> None:
    made[0].require_same_model(made[0])
    with pytest.raises(VersionError, match="different spaces"):
        made[0].require_same_model(replace(made[0], model="another"))
