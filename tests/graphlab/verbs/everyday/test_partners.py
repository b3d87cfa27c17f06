"""Partners of neurons against pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import SchemaError


@pytest.mark.parametrize("direction", ["out", "in"])
@pytest.mark.parametrize("at_least", [None, 2, 1, 2**64])
def test_common_partners(made: Any, base: int, direction: str, at_least: int | None) -> None:
    ids = [base + 1, base + 2, base + 5]
    mine, other = ("pre_root_id", "post_root_id") if direction == "out" else ("post_root_id", "pre_root_id")
    frame = made.connections[made.connections.pre_root_id != made.connections.post_root_id]
    shared = frame[frame[mine].isin(ids)].groupby(other).agg(shared=(mine, "nunique"), weight=("weight", "sum"))
    wanted = shared[shared["shared"] >= (at_least or 3)]
    found = made.graph.common_partners(ids, direction=direction, at_least=at_least).to_pandas()
    assert dict(zip(found.root_id, zip(found.shared, found.weight, strict=True), strict=True)) == {
        i: (row.shared, row.weight) for i, row in wanted.iterrows()
    }
    assert found["shared"].is_monotonic_decreasing


@pytest.mark.parametrize("direction", ["out", "in"])
@pytest.mark.parametrize("by", ["neuron", "cell_type", ["super_class", "side"]])
def test_partners_as_fractions_of_everything(made: Any, direction: Any, by: Any) -> None:
    mine, other = ("pre_root_id", "post_root_id") if direction == "out" else ("post_root_id", "pre_root_id")
    neurons = made.neurons.fillna("?").set_index("root_id")
    frame, who = made.connections, set(neurons.index[neurons.cell_type == "Mi1"])
    whole = frame[frame[mine].isin(who) & (frame.pre_root_id != frame.post_root_id)]["weight"].sum()
    autapses = frame[frame[mine].isin(who) & (frame.weight >= 3) & (frame.pre_root_id == frame.post_root_id)]
    frame = frame[frame[mine].isin(who) & (frame.weight >= 3) & (frame.pre_root_id != frame.post_root_id)]
    columns = [] if by == "neuron" else [by] if isinstance(by, str) else by
    keys = [frame[other].map(neurons[name]) for name in columns] or [frame[other]]
    a, b = frame[mine].map(neurons.side), frame[other].map(neurons.side)
    frame = frame.assign(ipsilateral=frame.weight.where(a == b, 0.0), contralateral=frame.weight.where(a != b, 0.0))
    wanted = frame.groupby(keys).agg(
        partners=(other, "nunique"), connections=("weight", "size"), weight=("weight", "sum"),
        ipsilateral=("ipsilateral", "sum"), contralateral=("contralateral", "sum"),
    )  # fmt: skip
    found = made.graph.partners("Mi1", direction=direction, by=by, sides=True, min_weight=3)
    assert found.notes == (f"{len(autapses)} autapses (a neuron onto itself) are left out",)
    table = found.to_pandas().fillna("?").set_index(columns or "root_id")
    assert len(table) == len(wanted)
    for key, row in wanted.iterrows():
        assert table.loc[key, "weight"] == row["weight"]
        assert table.loc[key, ["ipsilateral", "contralateral", "unsided"]].tolist() == [
            row["ipsilateral"], row["contralateral"], 0.0
        ]  # fmt: skip
        assert table.loc[key, "connections"] == row["connections"]
        assert columns == [] or table.loc[key, "partners"] == row["partners"]
        assert table.loc[key, "fraction"] == pytest.approx(row["weight"] / whole)
    assert table["cumulative"].tolist() == pytest.approx(table["fraction"].cumsum().tolist())
    assert table["weight"].is_monotonic_decreasing


def test_the_first_partners_that_reach_a_fraction(made: Any) -> None:
    whole = made.graph.partners("Mi1").to_pandas()
    half = made.graph.partners("Mi1", upto=0.5).to_pandas()
    assert half["cumulative"].iloc[-1] >= 0.5 > half["cumulative"].iloc[-2]
    assert half.equals(whole.iloc[: len(half)])
    assert len(made.graph.partners("Mi1", upto=1.0)) == len(whole)
    for wrong in (0, 1.5):
        with pytest.raises(SchemaError, match="wanted a fraction"):
            made.graph.partners("n3", upto=wrong)


def test_no_partners_say_why(made: Any) -> None:
    assert made.graph.partners({"type": "absent"}).notes[0].startswith("pre: no neuron has type 'absent'")
    assert "no chemical connection of weight 1e+06" in made.graph.partners("n3", min_weight=1e6).notes[0]
    with pytest.raises(SchemaError, match="wanted out or in"):
        made.graph.partners("n3", direction="up")


def test_a_neuron_is_no_partner_that_it_shares(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        ends = {"pre_root_id": [1, 1, 2, 2], "post_root_id": [1, 3, 1, 3]}
        graph.ingest(pd.DataFrame({**ends, "weight": [9.0, 1.0, 2.0, 1.0]}), as_="connections")
        found = graph.common_partners([1, 2], at_least=1).to_arrow().to_pylist()
        assert [(row["root_id"], row["shared"], row["weight"]) for row in found] == [(3, 2, 2.0), (1, 1, 2.0)]


def test_partners_in_a_part_do_not_depend_on_how_neurons_are_named(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        neurons = pd.DataFrame({"root_id": [1, 2, 3, 4], "cell_type": list("ABCC"), "side": ["left"] * 3 + ["right"]})
        graph.ingest(neurons, as_="neurons")
        ends = {"pre_root_id": [1, 2, 3, 1, 4], "post_root_id": [2, 3, 1, 3, 2]}
        graph.ingest(pd.DataFrame({**ends, "weight": [5.0, 5.0, 5.0, 1.0, 9.0]}), as_="connections")
        graph.sets.save("c", {"cell_type": "C"})
        part = graph.subset({"side": "left"})
        for who in ({"cell_type": "C"}, {"in_set": "c"}, "c", [3, 4]):
            assert part.partners(who).to_arrow()["fraction"].to_pylist() == [1.0], who
