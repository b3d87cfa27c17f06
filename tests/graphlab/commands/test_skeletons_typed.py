"""Skeletons from the shell: brought in, synapses placed on them, measured; connections chosen by compartment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab.graph import Graph

TREE = "1 2 0 0 0 1 -1\n2 3 100 0 0 1 1\n"


@pytest.fixture
def typed(tmp_path: Path) -> Path:
    swc = tmp_path / "swc"
    swc.mkdir()
    for root_id in (1, 2**64 - 5):
        (swc / f"{root_id}.swc").write_text(TREE)
    ids = {"pre_root_id": pa.array([1, 1], pa.uint64()), "post_root_id": pa.array([2**64 - 5] * 2, pa.uint64())}
    with Graph.create(tmp_path / "g", resolution="4,4,4") as graph:
        graph.ingest(pa.table({**ids, "x_nm": [1.0, 99.0], "y_nm": [0.0, 0.0], "z_nm": [0.0, 0.0]}), "synapses")
    return tmp_path / "g"


def test_the_whole_way(document: Callable[..., Any], refusal: Callable[..., str], typed: Path) -> None:
    swc = typed.parent / "swc"
    assert "say --units nm or --units um" in refusal("ingest", typed, swc, "--as", "skeletons")
    assert "this graph has no skeletons" in refusal("skeletons", typed)
    (done,) = document("ingest", typed, swc, "--as", "skeletons", "--units", "nm")
    assert done["rows"] == 4
    assert "--model names embeddings" in refusal(
        "place-synapses", typed, "--on", "skeletons", "--radius", "50", "--model", "m"
    )
    placed = document("place-synapses", typed, "--on", "skeletons", "--radius", "50")
    assert (placed["placed"], placed["beyond"]) == ({"pre": 2, "post": 2}, {"pre": 0, "post": 0})
    rows = document("skeletons", typed, "--by", "compartment")
    assert [(row["root_id"], row["compartment"], row["cable_nm"], row["inputs"]) for row in rows] == [
        ("1", "axon", 50.0, 0), ("1", "dendrite", 50.0, 0),
        (str(2**64 - 5), "axon", 50.0, 1), (str(2**64 - 5), "dendrite", 50.0, 1),
    ]  # fmt: skip
    counted = document("motifs", typed, "--size", "2", "--compartment", "axo-axonic")
    assert counted["compartment"].startswith("axo-axonic@")
    assert [row["count"] for row in counted["motifs"]] == [0, 1, 0]
    told = refusal("motifs", typed, "--size", "2", "--compartment", "axo-dendritic,soma->axon")
    assert "unknown presynaptic compartment (of soma->axon) 'soma'; known: axon, dendrite" in told
    found = document("query", typed, "A -> B", "--language", "dotmotif", "--compartment", "dendro-dendritic")
    assert len(found) == 1
