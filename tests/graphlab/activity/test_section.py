"""The report's section: data and SVG that parse, names escaped; nothing for a graph without recordings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph
from graphlab.activity import figures
from graphlab.activity.section import activity_section
from ingest.schema.errors import AnalysisError, SchemaError, UnknownNameError
from ingest.synthetic.connectome import make


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    folder = tmp_path_factory.mktemp("section")
    files = make(folder / "made", neurons=120, synapses=6000, frames=900, recorded=60)
    graph = Graph.create(folder / "g")
    graph.ingest(files.neurons, as_="neurons")
    graph.ingest(files.synapses, as_="synapses", columns="cave", resolution="4,4,40")
    graph.ingest(files.recordings, as_="recordings", animal="made <one>")
    graph.ingest(files.behavior, as_="behavior")
    return graph


def test_section_has_every_figure(made: Graph) -> None:
    assert "no tuning was computed" in activity_section(made.folder).notes[0]  # type: ignore[union-attr]
    answer = made.activity.correlate("tuning", surrogates=1999)
    section = activity_section(made.folder)
    assert section is not None
    assert section.run_id == answer.run_id
    for figure in (section.traces.drawing(), section.circuit, *(plot for _, plot in section.tuning)):
        assert figure is not None
        root = ElementTree.fromstring(str(figure))
        assert root.tag.endswith("svg")
    assert "made <one>" not in str(section.traces.drawing())
    assert "made &lt;one&gt;" in str(section.traces.drawing())
    assert "data:image/png;base64," in str(section.traces.drawing())


def test_no_recording_no_section(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        assert activity_section(graph.folder) is None
        with pytest.raises(AnalysisError, match="this graph has no recordings"):
            graph.activity.correlate()


def test_section_figures() -> None:
    rows = [{"neuron_class": "<A>", "traces": 2, "value": 0.3, "lo": 0.1, "hi": 0.5, "q": 0.01}]
    assert "&lt;A&gt;" in str(figures.intervals(rows, "x"))
    assert figures.colour(1.0) == figures.HIGH
    assert figures.colour(float("nan")) == figures.MIDDLE


def test_every_question_answers_and_is_kept(made: Graph) -> None:
    runs = set()
    ids = [row["root_id"] for row in made.to_arrow("recorded_neurons").to_pylist()]
    pairs = [(a, b) for a in ids[:30] for b in ids[:30] if a != b]
    atlas = pa.table(
        {
            "pre_root_id": pa.array([a for a, _ in pairs], pa.uint64()),
            "post_root_id": pa.array([b for _, b in pairs], pa.uint64()),
            "value": np.random.default_rng(0).normal(size=len(pairs)),
            "connected": np.random.default_rng(0).random(len(pairs)) < 0.2,
        }
    )
    for what, options in (
        ("tuning", {"surrogates": 99, "measures": ("linear", "lagged")}),
        ("drivers", {"surrogates": 199}),
        ("decoding", {"importance": True, "detrend_s": 400.0, "surrogates": 49}),
        ("encoding", {"detrend_s": 400.0, "surrogates": 19}),
        ("correlation", {"surrogates": 49}),
        ("lagged", {"surrogates": 49, "measure": "granger"}),
        ("response", {"source": atlas}),
        ("structure", {"bootstraps": 20, "permutations": 19}),
    ):
        answer = made.activity.correlate(what, **options)
        (name, *_) = answer.tables
        kept = made.query(f"SELECT count(*) FROM {name} WHERE run_id = '{answer.run_id}'").to_arrow()[0][0].as_py()
        assert kept == answer.table.num_rows > 0
        runs.add(answer.run_id)
        assert made.activity.correlate(what, **options).run_id == answer.run_id, "the same work is the same run"
    assert len(runs) == 8
    hashes = made.query("SELECT count(*) FROM runs WHERE verb = 'correlate'").to_arrow()[0][0].as_py()
    assert hashes >= 8
    enriched = made.activity.correlate("enrichment", ["speed"], level=0.5, draws=200)
    assert {row["label_kind"] for row in enriched.table.to_pylist()} >= {"motif_role", "cell_type"}
    with pytest.raises(UnknownNameError, match="did you mean 'tuning'"):
        made.activity.correlate("tunning")
    with pytest.raises(UnknownNameError, match="unknown behaviour 'sped'"):
        made.activity.correlate("tuning", ["sped"])
    with pytest.raises(SchemaError, match="name one behaviour"):
        made.activity.correlate("enrichment")
    with pytest.raises(UnknownNameError, match="unknown option of encoding 'detrend'; did you mean 'detrend_s'"):
        made.activity.correlate("encoding", detrend=400.0)


def test_questions_about_the_latest_run_say_which_it_was(made: Graph) -> None:
    """Edges of two runs, and two tunings, on the same data: four results, none of which replaces another."""

    def rows(table: str, run_id: str | None) -> int:
        found = made.query(f"SELECT count(*) FROM {table} WHERE run_id = '{run_id}'").to_arrow()
        return int(found[0][0].as_py())

    words: dict[str, dict[str, Any]] = {
        "structure": {"bootstraps": 20, "permutations": 19},
        "enrichment": {"behaviors": ["speed"], "level": 0.5, "draws": 50},
    }
    tables = {"structure": "structure_function", "enrichment": "behavior_enrichment"}
    first, second = {}, {}
    for seed, found in ((7, first), (8, second)):
        about = {
            "structure": made.activity.correlate("correlation", surrogates=49, seed=seed).run_id,
            "enrichment": made.activity.correlate("tuning", surrogates=49, seed=seed).run_id,
        }
        if made.query("SELECT count(*) FROM functional_connections WHERE kind = 'response'").scalar():
            words["structure"]["run_id"] = about["structure"]  # measured responses would be taken before correlations
        for what, options in words.items():
            found[what] = made.activity.correlate(what, **options).run_id
            named = {**options, "run_id": about[what]}
            assert made.activity.correlate(what, **named).run_id == found[what], "the latest, and the same by its name"
    for what, table in tables.items():
        assert first[what] != second[what]
        assert rows(table, first[what]) == rows(table, second[what]) > 0
    kept = made.query("SELECT run_id, parameters FROM runs WHERE verb = 'correlate'").to_arrow().to_pylist()
    asked = {row["run_id"]: json.loads(row["parameters"]) for row in kept}
    assert all(asked[run]["run_id"] for found in (first, second) for run in found.values())


def test_response_edges_are_kept_apart(made: Graph) -> None:
    ids = made.to_arrow("neurons")["root_id"].to_pylist()[:3]
    table = pa.table(
        {
            "pre_root_id": pa.array([ids[0], ids[1]], pa.uint64()),
            "post_root_id": pa.array([ids[1], ids[2]], pa.uint64()),
            "value": [0.5, 0.1],
            "q": [0.01, 0.5],
        }
    )
    answer = made.activity.correlate("response", source=table)
    view = made.activity.functional_snapshot(answer.run_id)
    assert (view.n, view.m) == (3, 1)
    assert made.activity.functional_snapshot().meta["functional_run"] == answer.run_id
    np.testing.assert_array_equal(view.weight, [0.5])


def test_command_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    time = np.arange(400) * 0.5
    wide = {"time_s": time, **{f"N{i}": rng.normal(size=400) for i in range(5)}}
    from pyarrow import csv

    csv.write_csv(pa.table(wide), tmp_path / "r.csv")
    csv.write_csv(pa.table({"time_s": time, "speed": wide["N0"] + rng.normal(size=400)}), tmp_path / "b.csv")

    def graphlab(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-W", "error", "-m", "graphlab.cli", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    graph = tmp_path / "g"
    assert graphlab("init", graph).returncode == 0
    done = graphlab("ingest", graph, tmp_path / "r.csv", "--as", "recordings", "--option", "animal=w1")
    assert done.returncode == 0, done.stderr
    assert "5 traces of 400 frames" in done.stdout
    assert graphlab("ingest", graph, tmp_path / "b.csv", "--as", "behavior").returncode == 0
    done = graphlab("correlate", graph, "--surrogates", "199", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    rows = found["tables"]["behavior_tuning"]
    assert [row["name"] for row in rows if row["q"] <= 0.05] == ["N0"]
    done = graphlab("correlate", graph, "--behavior", "sped")
    assert done.returncode == 1
    assert "did you mean 'speed'" in done.stderr
    assert done.stderr.count("\n") == 1
    assert graphlab("correlate", graph, "--what", "nothing").returncode == 2
