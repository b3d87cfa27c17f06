"""Functional edges as snapshots and as labels of patterns: one run of one kind at a time, beside the synaptic ones."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from graphlab import Graph
from graphlab.activity.correlate import EDGES
from graphlab.cli import app
from graphlab.store.runs.results import digests, start_run
from ingest.schema.errors import AnalysisError, UnknownNameError
from ingest.schema.words import FUNCTIONAL_KINDS

Pair = tuple[int, int]


def recorded(graph: Graph, kind: str, seed: int) -> tuple[str, set[Pair]]:
    """(run, connected ordered pairs) of random edges of two animals, written as ``correlate`` writes them."""
    rng = np.random.default_rng(seed)
    directed = kind != "correlation"
    verdicts: dict[Pair, list[bool]] = {}
    rows: list[dict[str, Any]] = []
    for animal in ("a", "b"):
        for i in range(1, 16):
            for j in range(1, 16):
                if i == j or (not directed and i > j) or rng.random() < 0.1:
                    continue
                q = float(rng.random() ** 2)
                verdicts.setdefault((i, j), []).append(q <= 0.3)
                rows.append(
                    {"kind": kind, "measure": "raw", "animal": animal, "pre_root_id": i, "post_root_id": j,
                     "directed": directed, "value": float(rng.normal()), "q": q, "connected": q <= 0.3}
                )  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=pa.schema(list(EDGES.items())))
    tables = {"functional_connections": table}
    run = start_run(graph.folder, "correlate", {"kind": kind, "made": seed}, seed=seed)
    run.finish(digests(tables), tables)
    found = {pair for pair, said in verdicts.items() if np.mean(said) > 0.5}
    return run.run_id, found if directed else found | {(j, i) for i, j in found}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Graph, dict[str, list[tuple[str, set[Pair]]]]]]:
    """A wired graph with two runs of each kind; the second is the latest."""
    rng = np.random.default_rng(0)
    pairs = sorted({(int(i), int(j)) for i, j in rng.integers(1, 16, size=(60, 2)) if i != j})
    with Graph.create(tmp_path_factory.mktemp("functional") / "g") as graph:
        for kind, chosen in (("chemical", pairs), ("electrical", pairs[::3])):
            table = pa.table(
                {
                    "pre_root_id": pa.array([i for i, _ in chosen], pa.uint64()),
                    "post_root_id": pa.array([j for _, j in chosen], pa.uint64()),
                    "weight": pa.array(np.arange(1.0, len(chosen) + 1)),
                }
            )
            graph.ingest(table, as_="connections", kind=kind)
        runs = {kind: [recorded(graph, kind, 10 * at + n) for n in (1, 2)] for at, kind in enumerate(FUNCTIONAL_KINDS)}
        yield graph, runs


def edges_of(graph: Graph, kind: str) -> set[Pair]:
    view = graph.snapshot(kind)
    ids = view.root_ids.astype(int)
    return set(zip(ids[view.sources()].tolist(), ids[view.out_target].tolist(), strict=True))


@pytest.mark.parametrize("kind", FUNCTIONAL_KINDS)
def test_a_kind_is_its_latest_run_or_the_named_one(made: Any, kind: str) -> None:
    graph, runs = made
    (first, old), (latest, new) = runs[kind]
    assert edges_of(graph, kind) == new
    assert edges_of(graph, f"{kind}@{first}") == old != new
    assert graph.snapshot(kind).meta["kind"] == f"{kind}@{latest}" == graph.kind_of(kind)
    heavy = graph.snapshot(kind, min_weight=0.8)
    assert 0 < heavy.m < len(new)
    assert heavy.weight.min() >= 0.8


@pytest.mark.parametrize("kind", FUNCTIONAL_KINDS)
@pytest.mark.parametrize("engine", ["duckdb", "csr"])
def test_patterns_see_functional_edges_beside_synaptic_ones(made: Any, kind: str, engine: str) -> None:
    """Every language and engine finds what a comprehension over the pairs does."""
    graph, runs = made
    wired, functional = edges_of(graph, "chemical"), runs[kind][1][1]
    both = {pair for pair in functional if pair in wired}
    match = f"MATCH (a)-[:{kind}]->(b), (a)-[:synapse]->(b)"
    sql = f"SELECT * FROM GRAPH_TABLE (connectome {match} COLUMNS (a.root_id AS i, b.root_id AS j))"
    cypher = f"{match} RETURN a.root_id AS i, b.root_id AS j"
    for text in (sql, cypher):
        rows = graph.query(text, engine=engine).to_arrow().to_pylist()
        assert Counter((row["i"], row["j"]) for row in rows) == Counter(both)
    # DotMotif has no labels: what an edge means is said beside the text.
    chain = graph.query("A -> B\nB -> C", kind=kind, engine=engine, count=True).scalar()
    assert chain == sum(1 for i, j in functional for k, m in functional if j == k and m != i)
    weights = graph.query(f"MATCH (a)-[r:{kind}]->(b) RETURN sum(r.weight) AS w", engine=engine).to_arrow()
    np.testing.assert_allclose(weights["w"][0].as_py(), graph.snapshot(kind).weight.sum())


def test_kinds_are_never_pooled(made: Any) -> None:
    graph, runs = made
    unlabelled = graph.query("MATCH (a)-[]->(b) RETURN count(*) AS n").to_arrow()["n"][0].as_py()
    assert unlabelled == len(edges_of(graph, "chemical"))
    rows = graph.query("SELECT kind, run_id, count(*) AS n FROM functional_edges GROUP BY ALL").to_arrow().to_pylist()
    assert {(row["kind"], row["run_id"], row["n"]) for row in rows} == {
        (kind, run, len(pairs)) for kind, (_, (run, pairs)) in runs.items()
    }


def test_a_named_run_is_asked_instead_of_the_latest(made: Any) -> None:
    graph, runs = made
    (first, old), (_, new) = runs["response"]
    for _ in range(2):  # what is kept of one must not answer for the other
        for kind, pairs in (("response", new), (f"response@{first}", old)):
            for engine in ("duckdb", "csr"):
                assert graph.query("A -> B", kind=kind, engine=engine, count=True).scalar() == len(pairs)


def test_census_and_patterns_of_functional_edges(made: Any) -> None:
    graph, runs = made
    found = graph.motifs.census(3, "response")
    assert found.counts == nx.triadic_census(nx.DiGraph(sorted(runs["response"][1][1])))
    run = runs["response"][1][0]
    asked = f"SELECT DISTINCT pre_root_id, post_root_id FROM functional_connections WHERE run_id = '{run}'"
    missing = 15 * 14 - len(graph.query(asked).to_arrow())
    assert missing > 0
    assert found.notes == (f"{missing} ordered pairs were never measured and count as not connected",)
    triangles = "A -> B\nB -> C\nC -> A"
    assert graph.motifs.pattern_count(triangles, kind="response") == 3 * (found.counts["030C"]) + sum(
        times * found.counts[name] for name, times in (("120C", 3), ("210", 3), ("300", 6))
    )
    electrical = edges_of(graph, "electrical")
    assert graph.motifs.pattern_count("A -> B", kind="electrical") == len(electrical)


def test_results_name_the_run_of_their_edges_and_are_made_again(made: Any) -> None:
    graph, runs = made
    latest = runs["lagged_predictive"][1][0]
    graph.motifs.census(3, "lagged_predictive")
    graph.motifs.significance(3, "configuration", 20, kind="lagged_predictive")
    rows = graph.query("SELECT run_id, parameters FROM runs WHERE verb IN ('census', 'significance')").to_arrow()
    mine = [row for row in rows.to_pylist() if json.loads(row["parameters"])["kind"].startswith("lagged")]
    assert {json.loads(row["parameters"])["kind"] for row in mine} == {f"lagged_predictive@{latest}"}
    assert len(mine) == 2
    for row in mine:
        assert graph.rerun(row["run_id"]).equal


def test_unknown_kinds_and_runs(made: Any, tmp_path: Path) -> None:
    graph, runs = made
    with pytest.raises(UnknownNameError, match="unknown kind 'respons'; did you mean 'response'"):
        graph.motifs.census(3, "respons")
    first = runs["response"][0][0]
    with pytest.raises(UnknownNameError, match=f"unknown run of response '{first[:-1]}'; did you mean '{first}'"):
        graph.snapshot(f"response@{first[:-1]}")
    with pytest.raises(UnknownNameError, match="unknown run of response"):
        graph.snapshot(f"response@{runs['correlation'][0][0]}")
    with Graph.create(tmp_path / "empty") as empty:
        with pytest.raises(AnalysisError, match="no functional edges of the kind correlation; make some with"):
            empty.snapshot("correlation")
        assert empty.query("MATCH (a)-[:correlation]->(b) RETURN a.root_id").to_arrow().num_rows == 0


def test_the_command_line_counts_and_asks(made: Any, tmp_path: Path) -> None:
    import shutil

    graph, runs = made
    copy = tmp_path / "copy"
    graph.folder.connection.execute("CHECKPOINT")
    shutil.copytree(graph.path, copy)
    done = CliRunner().invoke(app, ["motifs", str(copy), "--kind", "response", "--json"], catch_exceptions=False)
    document = json.loads(done.stdout)
    assert document["kind"] == f"response@{runs['response'][1][0]}"
    counted = {row["motif"]: row["count"] for row in document["motifs"]}
    assert counted == graph.motifs.census(3, "response").counts
    asked = CliRunner().invoke(app, ["query", str(copy), "A -> B", "--kind", "response", "--count"])
    assert int(asked.stdout) == len(runs["response"][1][1])
