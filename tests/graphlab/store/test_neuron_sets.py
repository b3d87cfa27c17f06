"""Saved sets: kept through closing, refused where a name would mean two things."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.store import neuron_sets
from ingest.schema.errors import SchemaError, StoreError, UnknownNameError

BIG = 2**64 - 1


def test_sets_are_kept(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"root_id": [1], "name": ["AVAL"], "cell_type": ["AVA"]}), as_="neurons")
        version = graph.info().data_version
        made = neuron_sets.save(graph.folder, "mine", np.array([BIG, 1, 1], dtype=np.uint64))
        assert made.root_ids.tolist() == [1, BIG]
        assert "2 neurons" in repr(made)
        assert graph.info().data_version == version, "a set changes no data"
        for name in ("AVAL", "AVA"):
            with pytest.raises(SchemaError, match="is a name or cell type of 1 neurons"):
                neuron_sets.save(graph.folder, name, made.root_ids)
        for name in ("", "my set", "1st", "a;b", "é", "_x", "$x"):
            with pytest.raises(SchemaError, match="cannot name a set"):
                neuron_sets.save(graph.folder, name, made.root_ids)
        with pytest.raises(SchemaError, match="exists already"):
            neuron_sets.save(graph.folder, "mine", made.root_ids)
        neuron_sets.save(graph.folder, "other", np.array([5], dtype=np.uint64))
        neuron_sets.save(graph.folder, "other", np.array([6], dtype=np.uint64), replace=True)
    with Graph.open(tmp_path / "g", read_only=True) as graph:
        found = neuron_sets.saved_sets(graph.folder)
        assert {name: one.root_ids.tolist() for name, one in found.items()} == {"mine": [1, BIG], "other": [6]}
        assert found["mine"].saved == made.saved
        with pytest.raises(StoreError, match="reading only"):
            neuron_sets.remove(graph.folder, "mine")
    with Graph.open(tmp_path / "g") as graph:
        neuron_sets.remove(graph.folder, "mine")
        assert list(neuron_sets.saved_sets(graph.folder)) == ["other"]
        with pytest.raises(UnknownNameError, match="did you mean 'other'"):
            neuron_sets.saved_set(graph.folder, "othr")
        with pytest.raises(UnknownNameError):
            neuron_sets.remove(graph.folder, "mine")
