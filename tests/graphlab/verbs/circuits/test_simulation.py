"""``graph.circuits.simulate`` and its kin: runs that rerun, tables that queries join, sets and signs that count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.circuits.result import CircuitResult
from ingest.schema.errors import AnalysisError, GraphlabError, UnknownNameError

FIRST = 720575940600000000
SENSORS, BLOCKERS, RELAYS, MOTORS = range(5), range(5, 10), range(10, 20), range(20, 25)


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """Sensors excite relays, relays excite motors, blockers inhibit motors."""
    kinds = ["sensor"] * 5 + ["blocker"] * 5 + ["relay"] * 10 + ["motor"] * 5
    neurons = pd.DataFrame(
        {
            "root_id": [FIRST + i for i in range(25)],
            "cell_type": kinds,
            "nt_type": ["GABA" if kind == "blocker" else "ACH" for kind in kinds],
        }
    )
    pairs = [(s, r, 60) for s in SENSORS for r in RELAYS] + [(r, m, 40) for r in RELAYS for m in MOTORS]
    pairs += [(b, m, 200) for b in BLOCKERS for m in MOTORS]
    rows = pd.DataFrame(pairs, columns=["pre_root_id", "post_root_id", "weight"])
    rows[["pre_root_id", "post_root_id"]] += FIRST
    with Graph.create(tmp_path_factory.mktemp("simulation") / "g") as made:
        made.ingest(neurons, as_="neurons")
        made.ingest(rows, as_="connections")
        yield made


SENSOR, MOTOR, RELAY = ({"cell_type": name} for name in ("sensor", "motor", "relay"))
BRIEF: dict[str, Any] = {"signs": "shiu", "duration_ms": 100.0, "trials": 3, "seed": 4}

VERBS: dict[str, Callable[[Graph], CircuitResult]] = {
    "simulate": lambda graph: graph.circuits.simulate(SENSOR, **BRIEF),
    "dose_response": lambda graph: graph.circuits.dose_response(
        SENSOR, MOTOR, drive_hz=(20, 200), synapse_mv=(0.1, 0.275), **BRIEF
    ),
    "silencing": lambda graph: graph.circuits.silencing(SENSOR, MOTOR, RELAY, by="cell_type", **BRIEF),
    "simulate_rates": lambda graph: graph.circuits.simulate_rates(SENSOR, signs="shiu", steps=5),
}


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_result_is_a_run_that_reruns_and_stands_in_its_table(graph: Graph, verb: str) -> None:
    result = VERBS[verb](graph)
    run = next(row for row in graph.to_arrow("runs").to_pylist() if row["run_id"] == result.run_id)
    assert run["verb"] == verb
    assert graph.rerun(result.run_id).equal
    stored = graph.query(
        f"SELECT * EXCLUDE run_id FROM {result.stored} WHERE run_id = $run", parameters={"run": result.run_id}
    )
    key = result.columns[:3]
    frames = (one.to_pandas().sort_values(key).reset_index(drop=True) for one in (stored.to_arrow(), result.to_arrow()))
    pd.testing.assert_frame_equal(*frames)
    assert any(note.startswith("signs by 'shiu'") for note in result.notes)
    assert VERBS[verb](graph).table.equals(result.table)


def test_spikes_add_up_to_rates_and_queries_join_them(graph: Graph) -> None:
    result = graph.circuits.simulate(SENSOR, **BRIEF)
    assert "- spikes: 5 neurons driven" in repr(result)
    spikes, rates = result.spikes.to_pandas(), result.to_pandas().set_index("root_id")
    counted = spikes.groupby("root_id").size()
    assert rates["spikes"][counted.index].equals(counted.rename("spikes"))
    assert np.allclose(rates["rate_hz"], rates["spikes"] / 0.3)
    by_trial = spikes.groupby(["trial", "root_id"]).size().unstack(fill_value=0)
    assert np.allclose(rates["sd_hz"][by_trial.columns], (by_trial / 0.1).std(ddof=1))
    assert (rates["trials_active"][by_trial.columns] == (by_trial > 0).sum()).all()
    assert set(rates.index[rates["role"] == "driven"]) == {FIRST + i for i in SENSORS}
    assert {FIRST + i for i in (*RELAYS, *MOTORS)} <= set(rates.index)
    joined = graph.query(
        "SELECT n.cell_type, count(*) AS spikes FROM simulation_spikes s JOIN neurons n USING (root_id) "
        "WHERE run_id = $run GROUP BY ALL",
        parameters={"run": result.run_id},
    )
    assert (
        dict(zip(*joined.to_arrow().to_pydict().values(), strict=True))["motor"]
        == spikes["root_id"].isin([FIRST + i for i in MOTORS]).sum()
        > 0
    )


def test_silenced_neurons_spike_and_reach_nobody(graph: Graph) -> None:
    result = graph.circuits.simulate(SENSOR, silence=RELAY, **BRIEF)
    rates = result.to_pandas().set_index("root_id")
    relays = [FIRST + i for i in RELAYS]
    assert (rates["rate_hz"][relays] > 0).all()
    assert (rates["role"][relays] == "silenced").all()
    assert not set(rates.index) & {FIRST + i for i in MOTORS}
    everything = graph.circuits.silencing(SENSOR, MOTOR, {"cell_type": ["relay", "blocker"]}, by="cell_type", **BRIEF)
    relay, blocker = (everything.to_pandas().set_index("candidate").loc[name] for name in ("relay", "blocker"))
    assert (relay["silenced_hz"], relay["share"]) == (0, 1)
    assert blocker["difference_hz"] == 0  # nobody drives the blockers


def test_signs_count(graph: Graph) -> None:
    both = {"cell_type": ["sensor", "blocker"]}
    motors = [FIRST + i for i in MOTORS]

    def motor_rate(**settings: Any) -> float:
        rates = graph.circuits.simulate(both, **{**BRIEF, **settings}).to_pandas().set_index("root_id")["rate_hz"]
        return float(rates.reindex(motors).fillna(0).mean())

    assert motor_rate() < motor_rate(sign_of={"blocker": 0}) < motor_rate(sign_of={"blocker": 1})


def test_given_spike_times_run_once_and_rerun(graph: Graph) -> None:
    result = graph.circuits.simulate(
        spike_times={FIRST: [0.0, 5.0, 5.1], str(FIRST + 1): [3]}, signs="shiu", duration_ms=20
    )
    assert result.about["trials"] == 1
    spikes = result.spikes.to_pandas()
    assert spikes[spikes["root_id"] == FIRST]["time_ms"].tolist() == [0.1, 5.1]  # the third arrives in a spike
    assert graph.rerun(result.run_id).equal


def test_workers_do_not_change_a_byte(graph: Graph) -> None:
    one, two = (graph.circuits.simulate(SENSOR, workers=workers, **BRIEF) for workers in (1, 2))
    assert one.table.equals(two.table)
    assert one.spikes.table.equals(two.spikes.table)


def test_a_dose_that_is_stronger_moves_more(graph: Graph) -> None:
    rows = VERBS["dose_response"](graph).to_pandas()
    mean = rows.groupby(["synapse_mv", "drive_hz"])["rate_hz"].mean()
    assert len(rows) == 4 * len(MOTORS)
    assert mean[(0.275, 200)] > mean[(0.275, 20)]
    assert mean[(0.275, 200)] > mean[(0.1, 200)]


def test_measured_responses_stand_beside_the_model_and_plain_wiring(graph: Graph) -> None:
    """Motors respond to sensors through relays: the model knows, a list of connections does not."""
    pairs = [(s, m, 1.0) for s in SENSORS for m in MOTORS] + [(m, s, 0.0) for s in SENSORS for m in MOTORS]
    pairs += [(s, r, 2.0) for s in SENSORS for r in RELAYS] + [(s, b, 0.0) for s in SENSORS for b in BLOCKERS]
    rows = pd.DataFrame(pairs, columns=["pre_root_id", "post_root_id", "value"])
    rows[["pre_root_id", "post_root_id"]] += FIRST
    with pytest.raises(AnalysisError, match="no measured responses"):
        graph.circuits.simulated_responses(signs="shiu")
    graph.activity.correlate("response", source=rows.assign(connected=rows["value"] > 0))
    result = graph.circuits.simulated_responses(signs="shiu")
    found = result.to_pandas().set_index(["predictor", "measure"])["value"]
    assert found[("rate model", "auroc")] == 1.0
    assert found[("connection", "auroc")] == pytest.approx(2 / 3 + 1 / 3 * 0.5)
    assert found[("rate model", "spearman")] > found[("share of input", "spearman")] > 0
    assert graph.rerun(result.run_id).equal
    with pytest.raises(UnknownNameError, match="run of measured responses"):
        graph.circuits.simulated_responses(signs="shiu", responses="none")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: c.simulate(SENSOR), AnalysisError, "name a policy of signs"),
        (lambda c: c.simulate(signs="shiu"), AnalysisError, "one of the two"),
        (lambda c: c.simulate({"cell_type": "nobody"}, signs="shiu"), GraphlabError, "nobody"),
        (lambda c: c.simulate(spike_times={FIRST: []}, signs="shiu"), AnalysisError, "hold no time"),
        (lambda c: c.simulate(spike_times={FIRST: [0.05]}, signs="shiu"), AnalysisError, "between two steps"),
        (lambda c: c.simulate(SENSOR, signs="shiu", neuron={"step_ms": 3}), AnalysisError, "too long"),
        (lambda c: c.simulate(SENSOR, signs="shiu", neuron={"delay": 3}), UnknownNameError, "delay_ms"),
        (lambda c: c.simulate(SENSOR, signs="shiu", drive_hz=0), AnalysisError, "drive_hz"),
        (lambda c: c.simulate_rates(SENSOR), AnalysisError, "name a policy of signs"),
        (lambda c: c.silencing(SENSOR, MOTOR, RELAY, by="side", **BRIEF), AnalysisError, "has a side"),
        (lambda c: c.dose_response(SENSOR, MOTOR, drive_hz=(), **BRIEF), AnalysisError, "no dose"),
    ],
)
def test_what_cannot_be_simulated_leaves_no_run(graph: Graph, call: Any, error: type[Exception], message: str) -> None:
    before = len(graph.to_arrow("runs"))
    with pytest.raises(error, match=message):
        call(graph.circuits)
    assert len(graph.to_arrow("runs")) == before


def test_missing_transmitters_are_refused_or_said(graph: Graph, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as bare:
        bare.ingest(
            pd.DataFrame({"pre_root_id": [1, 2], "post_root_id": [2, 3], "weight": [50.0, 50.0]}), as_="connections"
        )
        with pytest.raises(AnalysisError, match="2 of 2 connections, of 2 neurons, have no sign"):
            bare.circuits.simulate(1, signs="shiu")
        result = bare.circuits.simulate(1, signs="shiu", unknown_signs="excite", trials=1, duration_ms=50)
        assert any("they count as excitatory" in note for note in result.notes)


def test_the_larva_answers_in_the_order_of_its_layers(real_data: Path, tmp_path: Path) -> None:
    """Sensory neurons, projection neurons, Kenyon cells; nothing there names a transmitter, and that is said."""
    folder = real_data / "larva_winding2023"
    with Graph.create(tmp_path / "larva") as larva:
        larva.ingest(folder / "G_edgelist.txt", as_="connections", header=False)
        larva.ingest(
            folder / "meta_data.csv", as_="neurons", columns="root_id=column0,cell_type=simple_group,side=hemisphere"
        )
        with pytest.raises(AnalysisError, match="have no sign by 'shiu'"):
            larva.circuits.simulate({"cell_type": "sensories"}, signs="shiu")
        result = larva.circuits.simulate(
            {"cell_type": "sensories"}, signs="shiu", unknown_signs="excite", duration_ms=60, trials=2, min_weight=3
        )
        assert any("count as excitatory" in note for note in result.notes)
        spikes = result.spikes.to_pandas().groupby("root_id")["time_ms"].min()
        types = larva.to_arrow("neurons").to_pandas().set_index("root_id")["cell_type"]
        when = spikes.groupby(types.reindex(spikes.index).to_numpy()).median()
        assert when["sensories"] < when["PNs"] < when["KCs"]
