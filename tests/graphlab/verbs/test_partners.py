"""Neurons, connections, adjacency and common partners against pandas."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.schema.errors import GraphlabError, IdError, ParseError, SchemaError, UnknownNameError


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


@pytest.mark.parametrize("min_weight", [0, 5])
def test_connections(made: Any, base: int, min_weight: float) -> None:
    kind = made.neurons.set_index("root_id")["cell_type"]
    frame = made.connections.assign(a=lambda f: f.pre_root_id.map(kind), b=lambda f: f.post_root_id.map(kind))
    wanted = frame[(frame.a == "Mi1") & (frame.weight >= min_weight)].sort_values(
        ["weight", "pre_root_id", "post_root_id"], ascending=[False, True, True]
    )
    found = made.graph.connections({"type": "Mi1"}, min_weight=min_weight, columns=["cell_type", "side"])
    assert found.columns == ["pre_root_id", "post_root_id", "weight", "cell_type_pre", "cell_type_post", "side_pre",
                             "side_post"]  # fmt: skip
    table = found.to_pandas()
    assert table[["pre_root_id", "post_root_id", "weight"]].values.tolist() == (
        wanted[["pre_root_id", "post_root_id", "weight"]].values.tolist()
    )
    assert table["cell_type_post"].isna().tolist() == wanted["b"].isna().tolist()
    one = made.graph.connections(base + 1, [base + 2, base + 3, base + 1]).to_pandas()
    mine = frame[(frame.pre_root_id == base + 1) & frame.post_root_id.isin([base + 1, base + 2, base + 3])]
    assert sorted(one["post_root_id"]) == sorted(mine["post_root_id"])


def test_connections_by_neuropil(made: Any) -> None:
    found = made.graph.connections({"side": "left"}, by_neuropil=True, columns=[], min_weight=2).to_pandas()
    left = set(made.neurons.loc[made.neurons.side == "left", "root_id"])
    rows = made.by_neuropil
    wanted = rows[rows.pre_root_id.isin(left) & (rows.weight >= 2)]
    assert found.sort_values(list(found)).values.tolist() == (
        wanted[["pre_root_id", "post_root_id", "neuropil", "weight"]].sort_values(list(found)).values.tolist()
    )


def test_adjacency_by_type_by_neuropil_and_by_neuron(made: Any) -> None:
    kind = made.neurons.set_index("root_id")["cell_type"].fillna("?")
    frame = made.connections.assign(a=lambda f: f.pre_root_id.map(kind), b=lambda f: f.post_root_id.map(kind))
    grouped = frame.groupby(["a", "b"])["weight"].agg(["count", "sum"])
    found = made.graph.adjacency("cell_type")
    table = found.to_pandas().fillna("?")
    assert found.columns == ["cell_type_pre", "cell_type_post", "connections", "weight"]
    assert {(r.cell_type_pre, r.cell_type_post): (r.connections, r.weight) for r in table.itertuples()} == {
        pair: (int(row["count"]), row["sum"]) for pair, row in grouped.iterrows()
    }
    assert table["weight"].is_monotonic_decreasing
    assert str(found.to_arrow().schema.field("connections").type) == "int64"
    pools = made.graph.adjacency("neuropil").to_pandas().set_index("neuropil")
    assert pools["weight"].to_dict() == made.by_neuropil.groupby("neuropil")["weight"].sum().to_dict()
    neurons = made.graph.adjacency(min_weight=3).to_pandas()
    assert len(neurons) == (made.connections.weight >= 3).sum()
    assert list(neurons) == ["pre_root_id", "post_root_id", "weight"]


@pytest.mark.parametrize("direction", ["out", "in"])
@pytest.mark.parametrize("at_least", [None, 2, 1])
def test_common_partners(made: Any, base: int, direction: str, at_least: int | None) -> None:
    ids = [base + 1, base + 2, base + 5]
    mine, other = ("pre_root_id", "post_root_id") if direction == "out" else ("post_root_id", "pre_root_id")
    frame = made.connections
    shared = frame[frame[mine].isin(ids)].groupby(other).agg(shared=(mine, "nunique"), weight=("weight", "sum"))
    wanted = shared[shared["shared"] >= (at_least or 3)]
    found = made.graph.common_partners(ids, direction=direction, at_least=at_least).to_pandas()
    assert dict(zip(found.root_id, zip(found.shared, found.weight, strict=True), strict=True)) == {
        i: (row.shared, row.weight) for i, row in wanted.iterrows()
    }
    assert found["shared"].is_monotonic_decreasing


def test_nothing_found_keeps_its_types(made: Any) -> None:
    graph = made.graph
    for result, wanted in (
        (graph.connections(1, by_neuropil=True), ["uint64", "uint64", "string", "double", "string", "string"]),
        (graph.adjacency("side", {"type": "absent"}), ["string", "string", "int64", "double"]),
        (graph.common_partners([1, 2]), ["uint64", "string", "int64", "double"]),
    ):
        assert [str(field.type) for field in result.to_arrow().schema] == wanted
        assert len(result) == 0
        assert isinstance(result.to_pandas(), pd.DataFrame)


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda g: g.neurons(cell_tpye="Mi1"), ParseError, "did you mean 'cell_type'"),
        (lambda g: g.neurons(3.5), IdError, "root_id|id"),
        (lambda g: g.neurons(-1), IdError, "id"),
        (lambda g: g.neurons(min_in="many"), SchemaError, "wanted a number"),
        (lambda g: g.neurons(type="(", regex=True), SchemaError, "is no regular expression"),
        (lambda g: g.connections(kind="chemcal"), UnknownNameError, "did you mean 'chemical'"),
        (lambda g: g.connections(columns=["cell_typ"]), ParseError, "did you mean 'cell_type'"),
        (lambda g: g.connections(kind="electrical", by_neuropil=True), SchemaError, "not of electrical"),
        (lambda g: g.adjacency("cell_typ"), ParseError, "did you mean 'cell_type'"),
        (lambda g: g.common_partners([]), SchemaError, "no root_id"),
        (lambda g: g.common_partners([1], direction="up"), SchemaError, "wanted out or in"),
        (lambda g: g.common_partners([1], at_least=0), SchemaError, "wanted 1 or more"),
    ],
)  # fmt: skip
def test_mistakes(made: Any, ask: Any, error: type[GraphlabError], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(made.graph)


def test_every_answer_says_what_ran(made: Any) -> None:
    result = made.graph.adjacency("type", min_weight=2)
    assert "GROUP BY" in result.sql
    assert result.pattern is not None
    assert result.engine == "duckdb"
    found = made.graph.find(result.pattern, parameters={})
    assert found.to_arrow().equals(result.to_arrow())


def test_neuropils_that_nobody_gave_are_asked_for(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [3]}), as_="connections")
        for ask in (lambda: graph.adjacency(by="neuropil"), lambda: graph.connections(by_neuropil=True)):
            with pytest.raises(SchemaError, match="no connection of this graph has a neuropil"):
                ask()
