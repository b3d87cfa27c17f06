"""Neurons by criteria, by name, by words, against pandas."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from ingest.schema.errors import SchemaError


@pytest.mark.parametrize(
    ("criteria", "keep"),
    [
        ({}, lambda n: n.root_id > 0),
        ({"cell_type": "Mi1"}, lambda n: n.cell_type == "Mi1"),
        ({"type": ["Mi1", "Tm3"]}, lambda n: n.cell_type.isin(["Mi1", "Tm3"])),
        ({"type": None}, lambda n: n.cell_type.isna()),
        ({"type": ["T4a", None]}, lambda n: n.cell_type.isna() | (n.cell_type == "T4a")),
        ({"type": re.compile("T.*")}, lambda n: n.cell_type.str.startswith("T", na=False)),
        ({"type": "T.*", "nt": "GABA", "regex": True}, lambda n: n.cell_type.str.startswith("T", na=False)
         & (n.nt_type == "GABA")),
        ({"type": ["M.*", "T4."], "regex": True}, lambda n: n.cell_type.isin(["Mi1", "T4a"])),
        ({"side": "left", "class": "optic"}, lambda n: (n.side == "left") & (n.super_class == "optic")),
        ({"instance": "n3"}, lambda n: n["name"] == "n3"),
        ({"type": []}, lambda n: n.root_id < 0),
        ({"type": "x' OR '1'='1"}, lambda n: n.root_id < 0),
    ],
    ids=lambda value: "rows" if callable(value) else str(value),
)  # fmt: skip
def test_neurons_by_criteria(made: Any, criteria: dict[str, Any], keep: Any) -> None:
    wanted = made.neurons[keep(made.neurons)]
    found = made.graph.neurons(**criteria)
    assert found.to_pandas()["root_id"].tolist() == wanted["root_id"].tolist()
    assert found.columns[:3] == ["root_id", "name", "cell_type"]
    assert found.to_arrow().schema.field("root_id").type == pa.uint64()


def test_neurons_by_id_and_summed_weight(made: Any, base: int) -> None:
    assert made.graph.neurons([base + 3, base + 1, 9]).to_pandas()["root_id"].tolist() == [base + 1, base + 3]
    assert made.graph.neurons(np.array([base], dtype=np.uint64)).to_pandas()["name"].tolist() == ["n0"]
    received = made.connections.groupby("post_root_id")["weight"].sum()
    sent = made.connections.groupby("pre_root_id")["weight"].sum()
    wanted = sorted(set(received[received >= 40].index) & set(sent[sent >= 20].index))
    assert wanted
    assert made.graph.neurons(min_in=40, min_out=20).to_pandas()["root_id"].tolist() == wanted


def test_neurons_by_what_people_say(made: Any, base: int) -> None:
    graph, frame = made.graph, made.neurons
    assert graph.neurons("n3").to_pandas()["root_id"].tolist() == [base + 3]
    assert graph.neurons(str(base + 4)).to_pandas()["root_id"].tolist() == [base + 4]
    wanted = frame.loc[(frame.cell_type == "Mi1") & (frame.side == "left"), "root_id"].tolist()
    assert graph.neurons("Mi1", side="left").to_pandas()["root_id"].tolist() == wanted
    assert graph.neurons(["n3", base + 1]).to_pandas()["root_id"].tolist() == [base + 1, base + 3]
    assert graph.neurons(root_id=str(base)).to_pandas()["root_id"].tolist() == [base]
    with pytest.raises(SchemaError, match="not by both"):
        graph.neurons("n3", root_id=3)
    with pytest.raises(SchemaError, match="said twice"):
        graph.neurons({"side": "left"}, side="right")


@pytest.mark.parametrize("words", ["mi1", "T4 left", "optic gaba", "n1 central", "nothing", "%", "_"])
def test_search(made: Any, words: str) -> None:
    text = made.neurons.select_dtypes(exclude="number").fillna("").astype(str).apply("\x00".join, axis=1).str.lower()
    keep = np.logical_and.reduce([text.str.contains(re.escape(word.lower())) for word in words.split()])
    found = made.graph.neurons(search=words)
    assert found.to_pandas()["root_id"].tolist() == made.neurons.loc[keep, "root_id"].tolist()
    assert bool(found.notes) == (not keep.any())


def test_search_wants_a_word(made: Any) -> None:
    with pytest.raises(SchemaError, match="one word or more"):
        made.graph.neurons(search=" ")
