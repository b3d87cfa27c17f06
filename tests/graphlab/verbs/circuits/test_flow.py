"""``graph.circuits``: every result is a run that reruns, that queries join, and that says what it rests on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.circuits.result import CircuitResult
from ingest.schema.errors import AnalysisError, UnknownNameError

N = 40
BASE = 720575940600000000
SENSORS, MOTORS = {"cell_type": "sensor"}, {"cell_type": "motor"}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    rng = np.random.default_rng(7)
    neurons = pd.DataFrame(
        {
            "root_id": BASE + np.arange(N),
            "cell_type": ["sensor"] * 8 + ["inter"] * 24 + ["motor"] * 8,
            "nt_type": rng.choice(["ACH", "GABA"], N),
        }
    )
    rows = pd.DataFrame({"pre_root_id": rng.integers(0, N - 1, 300), "post_root_id": rng.integers(0, N - 1, 300)})
    rows += BASE
    rows["weight"] = rng.integers(1, 9, len(rows)).astype(float)
    with Graph.create(tmp_path_factory.mktemp("circuits") / "g") as made:
        made.ingest(neurons, as_="neurons")
        made.ingest(rows, as_="connections", duplicates="sum")
        yield made


VERBS: dict[str, Callable[[Graph], CircuitResult]] = {
    "signal_flow": lambda graph: graph.circuits.signal_flow(min_weight=2),
    "ranks": lambda graph: graph.circuits.ranks(SENSORS, model="stochastic", runs=40, seed=3),
    "cascade": lambda graph: graph.circuits.cascade(SENSORS, ends=MOTORS, runs=40, signs="shiu"),
    "effective_connectivity": lambda graph: graph.circuits.effective_connectivity(SENSORS, MOTORS, layers=3),
    "influence": lambda graph: graph.circuits.influence(SENSORS, silenced=[BASE + 10], signs="shiu", gain=0.5),
    "max_flow": lambda graph: graph.circuits.max_flow(SENSORS, MOTORS),
    "flow_paths": lambda graph: graph.circuits.flow_paths([BASE, BASE + 1], MOTORS, capacity="weight"),
    "intermediates": lambda graph: graph.circuits.intermediates(SENSORS, MOTORS, min_weight=2),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_result_is_a_run_that_reruns_and_that_queries_join(graph: Graph, verb: str) -> None:
    result = VERBS[verb](graph)
    run = next(row for row in graph.to_arrow("runs").to_pylist() if row["run_id"] == result.run_id)
    assert run["verb"] == verb
    assert result.notes[0] in run["message"]
    assert graph.rerun(result.run_id).equal
    ids = "root_id" if "root_id" in result.columns else "pre_root_id"
    joined = graph.query(
        f"SELECT count(*) AS rows FROM {result.stored} s JOIN neurons n ON n.root_id = s.{ids} WHERE run_id = $run",
        parameters={"run": result.run_id},
    )
    assert joined.scalar() == len(result) - result.table[ids].null_count > 0
    assert VERBS[verb](graph).table.equals(result.table)
    assert "- weights:" in repr(result)
    before = len(graph.to_arrow("runs"))
    graph.circuits.signal_flow(min_weight=7, record=False)
    assert len(graph.to_arrow("runs")) == before


def test_signal_flow_keeps_components_apart(graph: Graph) -> None:
    rows = graph.circuits.signal_flow().to_arrow().to_pandas()
    assert rows.loc[rows["neurons"] == 1, "flow"].isna().all()
    assert rows.groupby("component")["flow"].mean().dropna().abs().max() < 1e-9
    main = rows[rows["component"] == 0]
    assert main["flow"].is_monotonic_decreasing
    assert rows["root_id"].nunique() == len(rows) == N


def test_a_graph_without_connections_has_no_flow(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as bare:
        bare.ingest(pd.DataFrame({"root_id": [1, 2]}), as_="neurons")
        with pytest.raises(AnalysisError, match="no chemical connection of at least 0 is left among 2 neurons"):
            bare.circuits.signal_flow()
        assert len(bare.to_arrow("runs")) == 1


def test_ranks_begin_at_the_sources_and_say_who_is_never_reached(graph: Graph) -> None:
    exact = graph.circuits.ranks(SENSORS)
    rows = exact.to_arrow().to_pandas().set_index("root_id")
    assert (rows.loc[BASE + np.arange(8), "rank"] == 1).all()
    assert rows["rank"].isna().sum() == exact.about["never_reached"] > 0, "the last neuron has no partners"
    assert (rows.loc[rows["rank"].isna(), "reached"] == 0).all()
    assert set(rows["denominator"]) == {"stored"}
    drawn = graph.circuits.ranks(SENSORS, model="stochastic", runs=400, workers=2).to_arrow()
    assert drawn.equals(graph.circuits.ranks(SENSORS, model="stochastic", runs=400, workers=1).to_arrow())
    with pytest.raises(UnknownNameError, match="did you mean 'stochastic'"):
        graph.circuits.ranks(SENSORS, model="stochastc")


def test_a_cascade_ends_where_it_is_told(graph: Graph) -> None:
    found = graph.circuits.cascade(SENSORS, ends=MOTORS, runs=50)
    rows = found.to_arrow().to_pandas()
    assert (rows.loc[rows["hop"] == 0, "visited"] == 1).all()
    assert rows.groupby("root_id")["visited"].sum().tolist() == pytest.approx(
        rows.groupby("root_id")["reached"].first().tolist()
    )
    assert "of the 8 ends among them" in found.notes[0]
    assert "inhibitory neurons take away" in graph.circuits.cascade(SENSORS, runs=5, signs="shiu").notes[0]


def test_effective_connectivity_of_groups_sums_sources_and_averages_targets(graph: Graph) -> None:
    single = graph.circuits.effective_connectivity(SENSORS, MOTORS, layers=2, cut=0.0, signs="shiu").to_arrow()
    frame = single.to_pandas()
    frame["strength"] = frame["excitatory"] - frame["inhibitory"]
    summed = frame.groupby(["layer", "post_root_id"])["strength"].sum().groupby("layer").sum() / 8
    grouped = (
        graph.circuits.effective_connectivity(SENSORS, MOTORS, layers=2, by="cell_type", cut=0.0, signs="shiu")
        .to_arrow()
        .to_pandas()
    )
    assert grouped["source"].tolist() == ["sensor", "sensor"]
    assert grouped["strength"].tolist() == pytest.approx(summed.tolist(), abs=1e-6)
    assert grouped["pre_root_id"].isna().all()
    first = frame[frame["layer"] == 1]
    weights = graph.circuits.weights(signs="shiu")
    direct = dict(zip(
        zip(weights.graph.sources().tolist(), weights.graph.out_target.tolist(), strict=True),
        weights.signed(weights.fractions()).tolist(), strict=True,
    ))  # fmt: skip
    for row in first.itertuples():
        wanted = direct.get((int(row.pre_root_id) - BASE, int(row.post_root_id) - BASE), 0.0)
        assert row.strength == pytest.approx(wanted, abs=1e-7)


def test_influence_says_what_any_seed_would_do(graph: Graph) -> None:
    found = graph.circuits.influence(SENSORS)
    rows = found.to_arrow().to_pandas()
    assert np.allclose(rows["leading_mode"] + rows["beyond_mode"], rows["score"])
    assert rows["rank"].tolist() == list(range(1, N + 1))
    assert sorted(rows["leading_rank"]) == list(range(1, N + 1))
    assert 0 < found.about["leading_share"] <= 1
    assert "always scaled" in found.notes[0]
    assert "leading mode, the same for any seeds" in found.notes[1]
    each = graph.circuits.influence(SENSORS, each="root_id", targets=MOTORS).to_arrow().to_pandas()
    together = rows.set_index("root_id").loc[each["root_id"].unique(), "score"]
    assert each.groupby("root_id")["score"].sum().loc[together.index].tolist() == pytest.approx(together.tolist())
    quiet = graph.circuits.influence(SENSORS, silenced={"cell_type": "inter"}).to_arrow().to_pandas()
    assert quiet.loc[quiet["score"] > 0, "root_id"].nunique() < N


def test_paths_carry_the_flow_that_connections_show(graph: Graph) -> None:
    flow = graph.circuits.max_flow(SENSORS, MOTORS, capacity="weight")
    paths = graph.circuits.flow_paths(SENSORS, MOTORS, capacity="weight", most=1000)
    assert paths.about["carried"] == pytest.approx(flow.about["flow"])
    assert "100.0% of it" in paths.notes[0]
    rows = flow.to_arrow().to_pandas()
    assert rows.loc[rows["in_cut"], "capacity"].sum() == pytest.approx(flow.about["flow"])
    assert set(rows["denominator"]) == {"none"}
    drawn = graph.circuits.flow_diagram(SENSORS, MOTORS)
    parsed = ElementTree.fromstring(str(drawn))
    texts = [one.text for one in parsed.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "sensor"
    assert texts[-1] == "motor"


def test_what_has_no_answer_is_one_error(graph: Graph) -> None:
    circuits = graph.circuits
    last = BASE + N - 1
    before = len(graph.to_arrow("runs"))
    for work, words in (
        (lambda: circuits.max_flow(SENSORS, {"cell_type": "mtoor"}), "targets: no neuron of the graph meets"),
        (lambda: circuits.max_flow(SENSORS, []), "targets: no neuron was given"),
        (lambda: circuits.intermediates(SENSORS, [7]), "targets: neuron 7 is not among the 40 neurons"),
        (lambda: circuits.max_flow(SENSORS, SENSORS), "is a source and a target"),
        (lambda: circuits.flow_diagram([last], SENSORS), "nothing flows"),
        (lambda: circuits.flow_paths(SENSORS, MOTORS, most=0), "found 0 paths"),
        (lambda: circuits.cascade(SENSORS, synapse_chance=5.0), "the chance of a synapse is 5"),
        (lambda: circuits.influence(SENSORS, gain=1.0), "the gain is 1"),
        (lambda: circuits.influence(SENSORS, min_weight=1e6), "no chemical connection of at least 1e[+]06 is left"),
        (lambda: circuits.ranks(SENSORS, layers=1), "found 1 layers"),
        (lambda: circuits.cascade(SENSORS, signs="exclude monoamines", within=SENSORS | {"nt_type": None}), "within"),
    ):
        with pytest.raises(AnalysisError, match=words):
            work()
    assert len(graph.to_arrow("runs")) == before
    apart = circuits.max_flow([last], SENSORS)
    assert apart.about["flow"] == 0.0
    assert len(apart) == 0
    assert "0 connections" in apart.notes[0]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.ranks({"cell_type": "sensor"}, layers=2.5), "layers is 2.5; wanted a whole number"),
        (lambda c: c.cascade({"cell_type": "sensor"}, hops=1.5), "hops is 1.5"),
        (lambda c: c.cascade({"cell_type": "sensor"}, runs="many"), "runs is 'many'"),
        (lambda c: c.ranks({"cell_type": "sensor"}, model="stochastic", runs=3, seed=2**70), "from 0 to 2"),
        (lambda c: c.ranks({"cell_type": "sensor"}, model="stochastic", runs=3, seed=-1), "seed is -1"),
    ],
)
def test_counts_are_whole_numbers(graph: Graph, call: Callable[[object], object], message: str) -> None:
    before = len(graph.to_arrow("runs"))
    with pytest.raises(AnalysisError, match=message):
        call(graph.circuits)
    assert len(graph.to_arrow("runs")) == before
