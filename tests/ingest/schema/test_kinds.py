"""Words for kinds: ours, known others, nothing else; wherever they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError, UnknownNameError
from ingest.schema.kinds import SYNONYMS, known_kind, one_kind, our_kinds
from ingest.schema.values import Place
from ingest.schema.words import KINDS


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("chemical", "chemical"), ("Chemical", "chemical"), (" chemical synapses ", "chemical"),
        ("gap junction", "electrical"), ("gap_junction", "electrical"), ("Gap-Junctions", "electrical"),
        ("electrical synapse", "electrical"), ("ELECTRICAL", "electrical"), ("EJ", "electrical"),
        ("extra-synaptic", "extrasynaptic"), ("extrasynaptic", "extrasynaptic"),
        ("peptidergic", None), ("S", None), ("Rp", None), ("chemica", None), ("", None), ("0", None),
        ("response", None),
    ],
)  # fmt: skip
def test_known_words(word: str, ours: str | None) -> None:
    assert known_kind(word) == ours


def test_every_synonym_stands_for_a_kind_of_ours_and_is_written_plainly() -> None:
    assert set(SYNONYMS.values()) == set(KINDS)
    assert all(known_kind(word.upper().replace(" ", "_")) == kind for word, kind in SYNONYMS.items())


def test_a_column_keeps_nulls_and_tells_what_was_read_as_what() -> None:
    told: dict[str, str] = {}
    words = pa.array(["gap junction", None, "chemical", "gap junction"])
    found = our_kinds(words, Place("f", "kind", np.arange(1, 5)), told)
    assert found.to_pylist() == ["electrical", None, "chemical", "electrical"]
    assert told == {"gap junction": "electrical"}


def test_the_first_unknown_word_is_named_with_its_row() -> None:
    with pytest.raises(SchemaError, match=r"f, row 13, column 'type': found the kind 'peptidergic'; wanted chemical"):
        our_kinds(pa.array(["chemical", None, "peptidergic"]), Place("f", "type", np.arange(11, 14)), {})


@pytest.mark.parametrize("as_", ["connections", "synapses"])
@pytest.mark.parametrize("ending", [".csv", ".parquet", "frame"])
def test_every_source_speaks_our_kinds(tmp_path: Path, as_: str, ending: str) -> None:
    def source(name: str, kinds: list[str]) -> object:
        frame = pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [1, 2], "kind": kinds})
        if ending == "frame":
            return frame
        path = tmp_path / (name + ending)
        frame.to_csv(path, index=False) if ending == ".csv" else frame.to_parquet(path)
        return path

    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(SchemaError, match=r"row 2, column 'kind': found the kind 'modulatory'"):
            graph.ingest(source("bad", ["chemical", "modulatory"]), as_=as_)
        assert graph.info().counts["connections"] == 0
        notes = graph.ingest(source("good", ["Chemical", "Gap junction"]), as_=as_).notes
        assert "kinds: 'Chemical' read as chemical, 'Gap junction' read as electrical" in notes
        assert graph.query("SELECT kind FROM connections ORDER BY kind").to_arrow()["kind"].to_pylist() == [
            "chemical",
            "electrical",
        ]
        assert graph.snapshot("electrical").m == 1


def test_a_kind_said_for_a_whole_source_may_be_any_known_word(tmp_path: Path) -> None:
    frame = pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [1]})
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(UnknownNameError, match="unknown kind 'electrica'; did you mean 'electrical'"):
            graph.ingest(frame, as_="connections", kind="electrica")
        graph.ingest(frame, as_="connections", kind="gap junction")
        assert graph.snapshot("electrical").m == 1
    assert one_kind("gap junction") == "electrical"
