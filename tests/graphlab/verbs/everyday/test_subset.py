"""Parts of a graph against a graph made of the same rows: questions, censuses, paths, fractions, reports, reruns."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from ingest.schema.errors import AnalysisError, SchemaError, StoreError, UnknownNameError, VersionError

CHOICES = {
    "side": ({"side": "left"}, None, 0.0),
    "types": ({"cell_type": ["Mi1", None]}, None, 3.0),
    "neuropil": (None, "ME", 2.0),
    "both": ({"super_class": "optic"}, ["ME", "LO"], 4.0),
}


@pytest.fixture(params=CHOICES.values(), ids=CHOICES)
def pair(request: Any, made: Any, tmp_path: Path) -> Any:
    """The part, and a graph made of its rows by pandas."""
    criteria, pools, least = request.param
    neurons, rows = made.neurons, made.by_neuropil
    keep = pd.Series(True, index=neurons.index)
    for name, value in (criteria or {}).items():
        several = value if isinstance(value, list) else [value]
        keep &= neurons[name].isin([v for v in several if v]) | (neurons[name].isna() & (None in several))
    if pools is not None:
        rows = rows[rows.neuropil.isin([pools] if isinstance(pools, str) else pools)]
        keep &= neurons.root_id.isin({*rows.pre_root_id, *rows.post_root_id})
    ids = set(neurons.root_id[keep])
    rows = rows[rows.pre_root_id.isin(ids) & rows.post_root_id.isin(ids)]
    total = rows.groupby(["pre_root_id", "post_root_id"])["weight"].transform("sum")
    with Graph.create(tmp_path / "apart") as apart:
        apart.ingest(neurons[keep], as_="neurons")
        apart.ingest(rows[total >= least], as_="connections")
        yield made.graph.subset(criteria, neuropil=pools, min_weight=least), apart


def test_every_verb_sees_the_part(pair: Any) -> None:
    part, apart = pair
    assert part.info().counts["neurons"] == apart.info().counts["neurons"] > 3
    for ask in (
        lambda g: g.neurons().to_pandas()[["root_id", "name", "cell_type"]],
        lambda g: g.connections().to_pandas(),
        lambda g: g.adjacency(["cell_type", "neuropil"]).to_pandas(),
        lambda g: g.connections(by_neuropil=True, columns=()).to_pandas(),
        lambda g: g.neighborhood({"side": "left"}, 2).to_pandas(),
        lambda g: g.paths({"cell_type": "Mi1"}, {"side": "left"}, max_length=2).to_pandas(),
        lambda g: g.query(
            "MATCH (a)-[e]->(b)-[f]->(c) RETURN a.bodyId, c.bodyId, e.weight ORDER BY 1, 2, 3"
        ).to_pandas(),
        lambda g: g.query("A -> B\nB -> C\nC -> A", count=True).to_pandas(),
        lambda g: g.query("A -> B\nB -> A", engine="csr", count=True).to_pandas(),
        lambda g: g.query("SELECT count(*), sum(weight) FROM connections").to_pandas(),
        lambda g: g.to_pandas("connections_by_neuropil"),
        lambda g: g.motifs.census(3, record=False).to_arrow().to_pandas(),
        lambda g: pd.DataFrame(sorted(map(sorted, g.to_networkx().edges))),
    ):
        found, wanted = ask(part), ask(apart)
        pd.testing.assert_frame_equal(found, wanted)
    assert part.snapshot().root_ids.tolist() == apart.snapshot().root_ids.tolist()
    assert part.snapshot() is part.snapshot(), "kept in memory"


def test_fractions_in_a_part_are_of_whole_totals(made: Any) -> None:
    part = made.graph.subset({"side": "left"}, min_weight=3)
    frame = made.connections
    received = frame[frame.pre_root_id != frame.post_root_id].groupby("post_root_id")["weight"].sum()
    found = part.connections(fractions=True).to_pandas()
    found = found[found.pre_root_id != found.post_root_id]
    assert len(found)
    assert found["fraction_in"].tolist() == (found["weight"] / found["post_root_id"].map(received)).tolist()
    view = part.snapshot()
    beyond = part.input_beyond(view)
    kept = np.bincount(view.out_target, weights=view.weight, minlength=view.n)
    wanted = received.reindex(view.root_ids.astype(np.int64), fill_value=0.0).to_numpy()
    assert (beyond + kept).tolist() == wanted.tolist()
    fraction = part.partners({"cell_type": "Mi1"}).to_pandas()["fraction"].sum()
    assert 0 < fraction < made.graph.partners({"cell_type": "Mi1", "side": "left"}).to_pandas()["fraction"].sum()


@pytest.fixture
def graph(tmp_path: Path, neurons: Any, connections: Any) -> Any:
    with Graph.create(tmp_path / "g", dataset="sixty") as made:
        made.ingest(neurons(), as_="neurons")
        made.ingest(connections(), as_="connections")
        yield made


def test_runs_of_a_part_are_recorded_and_repeated(graph: Graph) -> None:
    part = graph.subset({"side": "left"}, min_weight=5)
    counted = part.motifs.census(3)
    whole = graph.motifs.census(3)
    assert counted.counts != whole.counts
    rows = graph.runs("census").to_pylist()
    assert len({row["run_id"] for row in rows}) == 2
    told = [row for row in rows if "subset" in json.loads(row["parameters"])]
    assert len(told) == 1
    assert json.loads(told[0]["parameters"])["subset"]["neurons"] == {"side": "left"}
    for row in rows:
        assert graph.rerun(row["run_id"]).equal
        assert part.rerun(row["run_id"]).equal
    part.motifs.significance(3, samples=5)
    run = graph.runs("significance").to_pylist()[0]["run_id"]
    assert graph.rerun(run).equal
    assert [found for found, _ in part.motifs.kept_significance()] == [run]
    assert graph.motifs.kept_significance() == [], "what is of a part is not told of the whole"
    flow = part.circuits.signal_flow()
    assert graph.rerun(flow.run_id).equal


def test_a_part_by_a_set_that_changes_is_not_the_same(graph: Graph) -> None:
    from graphlab.store import neuron_sets

    ids = graph.neurons(side="left").to_arrow()["root_id"].to_numpy()
    neuron_sets.save(graph.folder, "mine", ids)
    graph.subset({"in_set": "mine"}).motifs.census(2)
    run = graph.runs("census").to_pylist()[0]["run_id"]
    assert graph.rerun(run).equal
    neuron_sets.save(graph.folder, "mine", ids[1:], replace=True)
    with pytest.raises(VersionError, match="a saved set has changed"):
        graph.rerun(run)


def test_a_part_is_only_read_and_says_what_it_is(graph: Graph) -> None:
    part = graph.subset({"side": "left"}, neuropil="ME", min_weight=2)
    told = "a subset of 29 neurons (side=left) in ME, connections of weight 2 or more"
    assert part.info().subset == told
    assert told in repr(part)
    assert graph.info().subset is None
    with pytest.raises(StoreError, match="which is only read"):
        part.ingest(pd.DataFrame({"root_id": [1]}), as_="neurons")
    with pytest.raises(StoreError, match="which is only read"):
        part.describe(dataset="x")
    with pytest.raises(SchemaError, match="is asked of the whole graph"):
        part.predict.cards()
    with pytest.raises(SchemaError, match="a subset already"):
        part.subset({"side": "left"})
    part.close()
    assert len(graph.neurons()) == 60


def test_views_are_of_the_part(graph: Graph) -> None:
    graph.create_view("strong", "SELECT pre_root_id, weight FROM connections WHERE weight > 9")
    part = graph.subset({"side": "left"})
    number = "SELECT count(*) FROM strong"
    wanted = int((part.to_pandas("connections")["weight"] > 9).sum())
    assert part.query(number).scalar() == wanted < graph.query(number).scalar()


def test_a_report_of_a_part(graph: Graph) -> None:
    part = graph.subset({"side": "left"})
    page = part.report()
    text = page.read_text(encoding="utf-8")
    assert page.name != graph.report().name
    assert "a subset of 30 neurons (side=left)" in text
    assert re.search(r"Analysed was a subset", text)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"who": {"cell_type": "absent"}}, SchemaError, "no neuron has cell_type 'absent'"),
        ({"who": 5}, SchemaError, "1 of 1 ids are no neurons"), ({"neuropil": "MEE"}, UnknownNameError, "'ME'"),
        ({"min_weight": float("nan")}, AnalysisError, "min_weight is nan"), ({"who": "L22"}, UnknownNameError, "'L2'"),
    ],
)  # fmt: skip
def test_mistakes(graph: Graph, words: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        graph.subset(**words)


def test_a_part_follows_the_whole(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [4, 5]}), as_="connections")
        part = graph.subset([1, 2, 3], min_weight=2)
        assert part.snapshot().m == 2
        graph.ingest(pd.DataFrame({"pre_root_id": [3, 4], "post_root_id": [1, 1], "weight": [4, 5]}), as_="connections")
        assert part.snapshot().m == 3 == part.query("A -> B", count=True).scalar()
