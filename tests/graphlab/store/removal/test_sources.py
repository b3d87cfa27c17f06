"""Dropping a source: the graph of the others, row for row, whatever came before and after it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from graphlab.graph import Graph
from graphlab.store.wiring.rebuild import rebuild_connections
from graphlab.store.wiring.recipe import Recipe
from ingest.schema.errors import GraphlabError, SchemaError
from ingest.schema.ids import root_ids_of_names

TABLES = (
    "neurons", "synapses", "connections", "connections_left_out", "connections_by_neuropil", "pair_sources", "meta",
    "connections_by_compartment", "connections_by_compartment_left_out",
)  # fmt: skip
EXAMPLES = int(os.environ.get("GRAPHLAB_DROPS", "12"))


def state(graph: Graph) -> dict[str, Any]:
    """Every column with its type and every row of the tables that sources fill."""
    cursor = graph.folder.cursor()
    found = {}
    for table in TABLES:
        columns = sorted((row[0], row[1]) for row in cursor.execute(f"DESCRIBE {table}").fetchall())
        names = ", ".join(f'"{name}"' for name, _ in columns)
        where = "WHERE key <> 'lineage'" if table == "meta" else ""
        rows = cursor.execute(f"SELECT {names} FROM {table} {where}").fetchall()
        found[table] = (columns, sorted(rows, key=repr))
    return found


def kept(graph: Graph) -> list[tuple[str, ...]]:
    """What lies in the schema of the store, but for the order of the sources."""
    cursor = graph.folder.cursor()
    tables = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'kept' ORDER BY ALL").fetchall()
    return [*tables, *cursor.execute("SELECT name, run_id, form FROM kept.sources ORDER BY seq").fetchall()]


IDS = st.integers(0, 6)
NAMES = st.sampled_from(["a", "b", "c", "d"])


def column(kind: pa.DataType, values: st.SearchStrategy[Any], size: int) -> st.SearchStrategy[pa.Array]:
    return st.lists(values, min_size=size, max_size=size).map(lambda cells: pa.array(cells, kind))


def extras(draw: st.DrawFn, size: int) -> dict[str, pa.Array]:
    """A column of no table of ours, whose type differs from source to source."""
    kinds = [
        (pa.int32(), st.none() | st.integers(-3, 3)),
        (pa.float64(), st.none() | st.sampled_from([0.5, 2.0])),
        (pa.string(), st.none() | st.sampled_from(["x", "y"])),
        (pa.null(), st.none()),
    ]
    chosen = draw(st.none() | st.sampled_from(kinds))
    return {} if chosen is None else {"mark": draw(column(*chosen, size))}


@st.composite
def neuron_tables(draw: st.DrawFn) -> tuple[pa.Table, dict[str, Any]]:
    size = draw(st.integers(1, 4))
    columns: dict[str, pa.Array] = {}
    if by_name := draw(st.booleans()):
        columns["name"] = draw(column(pa.string(), NAMES, size))
    else:
        columns["root_id"] = draw(column(pa.uint64(), st.integers(1, 6), size))
    offered = {
        "cell_type": column(pa.string(), st.none() | st.sampled_from(["T1", "T2"]), size),
        "nt_type": column(pa.string(), st.none() | st.sampled_from(["ACH", "GABA"]), size),
        "in_graph": column(pa.bool_(), st.none() | st.booleans(), size),
        "total_in": column(pa.float64(), st.none() | st.integers(50, 60), size),
    }
    if not by_name:
        offered["name"] = column(pa.string(), st.none() | NAMES, size)
    for name in draw(st.lists(st.sampled_from(sorted(offered)), unique=True, max_size=3)):
        columns[name] = draw(offered[name])
    columns |= extras(draw, size)
    return pa.table(columns), {"as_": "neurons", "duplicates": draw(st.sampled_from([None, "first"]))}


@st.composite
def edge_tables(draw: st.DrawFn) -> tuple[pa.Table, dict[str, Any]]:
    size = draw(st.integers(1, 5))
    as_ = draw(st.sampled_from(["connections", "connections", "synapses"]))
    columns: dict[str, pa.Array] = {}
    by_name = draw(st.booleans()) and draw(st.booleans())
    for side in ("pre", "post"):
        if by_name:
            columns[f"{side}_name"] = draw(column(pa.string(), NAMES, size))
        else:
            columns[f"{side}_root_id"] = draw(column(pa.uint64(), IDS, size))
            if draw(st.booleans()) and draw(st.booleans()):
                cells = [None if i is None else f"n{i}" for i in columns[f"{side}_root_id"].to_pylist()]
                columns[f"{side}_name"] = pa.array(cells, pa.string())
    if as_ == "connections":
        columns["weight"] = draw(column(pa.float64(), st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0]), size))
    elif draw(st.booleans()):
        columns["weight"] = draw(column(pa.float64(), st.none() | st.sampled_from([1.0, 2.0]), size))
    if as_ == "synapses" and draw(st.booleans()):
        first = draw(st.integers(1, 30))
        columns["synapse_id"] = pa.array(range(first, first + size), pa.uint64())
    if draw(st.booleans()):
        columns["neuropil"] = draw(column(pa.string(), st.none() | st.sampled_from(["ME", "LO"]), size))
    if draw(st.sampled_from([False, False, True])):
        columns["post_compartment"] = draw(column(pa.string(), st.none() | st.sampled_from(["axon", "dendrite"]), size))
    if as_ == "connections" and draw(st.booleans()):
        columns["nt_type"] = draw(column(pa.string(), st.none() | st.sampled_from(["ACH", "GABA"]), size))
    columns |= extras(draw, size)
    options: dict[str, Any] = {
        "as_": as_,
        "kind": draw(st.sampled_from([None, None, "chemical", "electrical"])),
        "unknown": draw(st.sampled_from(["add", "add", "add", "keep", "refuse"])),
    }
    if as_ == "connections":
        options["duplicates"] = draw(st.sampled_from(["sum", "sum", "first", None]))
    return pa.table(columns), options


def between(word: str) -> Callable[[Graph], object]:
    """What people do between two sources."""
    return {
        "nothing": lambda graph: None,
        "signs": lambda graph: graph.set_signs("fly"),
        "recipe": lambda graph: graph.set_recipe(merge_within_nm=5.0),
    }[word]


@given(
    sources=st.lists(st.one_of(neuron_tables(), edge_tables(), edge_tables()), min_size=2, max_size=4),
    which=st.integers(0, 3),
    done=st.sampled_from(["nothing", "nothing", "signs", "recipe"]),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_dropped_source_was_never_there(
    sources: list[tuple[pa.Table, dict[str, Any]]], which: int, done: str
) -> None:
    """Any sources in any order, one dropped: every row, column and type of every table is as without it."""
    with (
        tempfile.TemporaryDirectory() as place,
        Graph.create(Path(place) / "g") as graph,
        Graph.create(Path(place) / "other") as other,
    ):
        came = []
        for table, options in sources:
            try:
                summary = graph.ingest(table, **options)
            except GraphlabError:
                continue
            if not summary.already_there:
                came.append((table, options, summary.run_id))
        if not came:
            return
        dropped = came[which % len(came)]
        refused = False
        for table, options, _ in (one for one in came if one is not dropped):
            try:
                other.ingest(table, **options)
            except GraphlabError:
                refused = True
                break
        version = other.info().data_version
        try:
            between(done)(graph)
        except SchemaError:
            done = "nothing"
        before, kept_before = state(graph), kept(graph)
        if refused:
            with pytest.raises(SchemaError, match="cannot be dropped: without it"):
                graph.drop_source(dropped[2])
            assert state(graph) == before
            assert kept(graph) == kept_before
            return
        graph.drop_source(dropped[2])
        if done == "nothing":
            assert graph.info().data_version == version
        elif done == "recipe":  # set for the graph that it is set for, though it may have nothing to do there
            with other.folder.transaction():
                other.folder.set_meta("recipe", graph.folder.meta("recipe"))
                rebuild_connections(other.folder.connection, Recipe(**graph.folder.meta("recipe")))
        else:
            between(done)(other)
        mine, theirs = state(graph), state(other)
        for table in TABLES:
            if table != "meta":
                assert mine[table] == theirs[table], table
        assert _settled(mine) == _settled(theirs)
        # It may come again, and is the last one then.
        again = graph.folder.cursor().execute("SELECT count(*) FROM kept.sources").fetchall()
        assert again[0][0] == len(came) - 1


def _settled(found: dict[str, Any]) -> list[Any]:
    """``meta`` without the data version, whose hash has in it when a recipe or signs were set."""
    return [row for row in found["meta"][1] if "data_version" not in row]


def frame(rows: list[tuple[int, int, float]], **columns: Any) -> pa.Table:
    """Connections."""
    pre, post, weight = zip(*rows, strict=True)
    ids = {"pre_root_id": pa.array(pre, pa.uint64()), "post_root_id": pa.array(post, pa.uint64())}
    return pa.table({**ids, "weight": pa.array(weight, pa.float64()), **columns})


def contacts(pairs: list[tuple[int, int]], first: int = 1) -> pa.Table:
    """Synapses with ids from ``first`` on."""
    pre, post = zip(*pairs, strict=True)
    ids = {"pre_root_id": pa.array(pre, pa.uint64()), "post_root_id": pa.array(post, pa.uint64())}
    return pa.table({"synapse_id": pa.array(range(first, first + len(pairs)), pa.uint64()), **ids})


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Graph]:
    with Graph.create(tmp_path / "g") as made:
        yield made


def test_a_single_source_keeps_nothing_and_drops_to_an_empty_graph(graph: Graph) -> None:
    empty = state(graph)
    one = graph.ingest(contacts([(1, 2), (2, 3)]), as_="synapses")
    assert [len(row) for row in kept(graph)] == [1, 3], "the list of sources and its one row"
    assert graph.drop_source(one.run_id).rows == 2
    assert state(graph) == empty
    ready = graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    assert [len(row) for row in kept(graph)] == [1, 3]
    graph.drop_source(ready.run_id)
    assert state(graph) == empty


def test_a_source_that_is_alone_again_keeps_nothing(graph: Graph) -> None:
    graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    before = kept(graph), state(graph)
    second = graph.ingest(frame([(1, 2, 4.0)]), as_="connections", duplicates="sum")
    assert len(kept(graph)) > len(before[0]) + 1
    graph.drop_source(second.run_id)
    assert (kept(graph), state(graph)) == before


def test_results_of_before_hold_again(graph: Graph) -> None:
    graph.ingest(frame([(1, 2, 3.0), (2, 3, 1.0)]), as_="connections")
    graph.motifs.census(3)
    old = graph.runs("census")["run_id"].to_pylist()[-1]
    second = graph.ingest(frame([(3, 1, 4.0)]), as_="connections")
    graph.motifs.census(3)
    new = graph.runs("census")["run_id"].to_pylist()[-1]
    done = graph.drop_source(second.run_id)
    assert done.stale_runs == [new]
    assert any("1 results from before it came are of the data of now again" in note for note in done.notes)
    assert graph.rerun(old).equal
    current = dict(zip(*(graph.runs("census").column(name).to_pylist() for name in ("run_id", "current")), strict=True))
    assert current == {old: True, new: False}


def test_names_that_other_sources_looked_up_go_with_their_source(graph: Graph) -> None:
    """Connections by name find the neurons of a table; without it, the ids are those that names have everywhere."""
    names = pa.table({"root_id": pa.array([7, 8], pa.uint64()), "name": ["ASEL", "AVAL"]})
    table = graph.ingest(names, as_="neurons")
    rows = pa.table({"pre_name": ["ASEL"], "post_name": ["AVAL"], "weight": [2.0]})
    graph.ingest(rows, as_="connections")
    assert graph.to_arrow("connections")["pre_root_id"].to_pylist() == [7]
    graph.drop_source(table.run_id)
    made = root_ids_of_names(["ASEL", "AVAL"])
    assert graph.to_arrow("connections")["pre_root_id"].to_pylist() == [made["ASEL"]]
    assert graph.to_arrow("neurons")["name"].to_pylist().count("ASEL") == 1


def test_a_source_that_another_needs_stays(graph: Graph) -> None:
    first = graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    graph.ingest(frame([(2, 1, 3.0)]), as_="connections", unknown="refuse")
    before = state(graph), kept(graph)
    with pytest.raises(SchemaError, match=r"cannot be dropped: without it, <Table> .*would be refused.*is not in the"):
        graph.drop_source(first.run_id)
    assert (state(graph), kept(graph)) == before
    with pytest.raises(SchemaError, match=r"2 sources of the graph are called '<Table>'; name the run of one: "):
        graph.drop_source("<Table>")


def test_a_graph_of_an_earlier_graphlab_says_what_it_cannot_undo(graph: Graph, tmp_path: Path) -> None:
    first = graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    second = graph.ingest(frame([(2, 1, 3.0)]), as_="connections")
    with graph.folder.transaction() as connection:
        connection.execute("DROP SCHEMA kept CASCADE")
        graph.folder.set_meta("format_version", 8)
        connection.execute("DELETE FROM meta WHERE key = 'lineage'")
    graph.close()
    with Graph.open(tmp_path / "g") as opened:
        assert [one["run_id"] for one in opened.info().sources] == [first.run_id, second.run_id]
        before = state(opened)
        with pytest.raises(SchemaError, match="by an earlier graphlab, which kept nothing"):
            opened.drop_source(first.run_id)
        assert state(opened) == before
        third = opened.ingest(frame([(5, 6, 1.0)]), as_="connections")
        with pytest.raises(SchemaError, match="by an earlier graphlab"):
            opened.drop_source(third.run_id)


def test_the_materialization_that_a_source_named_goes_with_it(graph: Graph) -> None:
    pandas = pytest.importorskip("pandas")
    versioned = pandas.DataFrame({"pre_root_id": [1], "post_root_id": [2], "weight": [1.0]})
    versioned.attrs["materialization"] = 943
    one = graph.ingest(versioned, as_="connections")
    assert graph.info().materialization == "943"
    done = graph.drop_source(one.run_id)
    assert graph.info().materialization is None
    assert "names none any more" in str(done)


def test_what_is_defined_over_a_column_that_goes_is_named(graph: Graph) -> None:
    graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    marks = pa.table({"root_id": pa.array([1], pa.uint64()), "layer": ["L2"]})
    table = graph.ingest(marks, as_="neurons")
    graph.create_view("layered", "SELECT root_id FROM neurons WHERE layer = 'L2'")
    assert "the view layered cannot be asked any more" in str(graph.drop_source(table.run_id))


def vectors(ids: list[int]) -> pa.Table:
    kind = pa.list_(pa.float32(), 2)
    return pa.table(
        {
            "root_id": pa.array(ids, pa.uint64()),
            "node_id": pa.array(range(len(ids)), pa.uint64()),
            **{f"{axis}_nm": pa.array([float(i) for i in ids], pa.float32()) for axis in "xyz"},
            "vector": pa.array([[1.0, float(i)] for i in ids], kind),
        }
    )


def test_embeddings_go_with_their_joins_and_files(graph: Graph, tmp_path: Path) -> None:
    graph.ingest(frame([(1, 2, 3.0), (2, 3, 1.0)]), as_="connections")
    words = {"model": "m", "segmentation_version": "1"}
    first = graph.ingest(vectors([1, 2]), as_="embeddings", **words)
    second = graph.ingest(vectors([3]), as_="embeddings", **words)
    graph.embeddings.join(segmentation_version="1")
    told = str(graph.drop_source(second.run_id))
    assert "3 neurons joined to the earlier vectors of m are forgotten" in told
    assert graph.info().embeddings[0]["neurons"] == 2
    assert len(list((tmp_path / "g" / "embeddings" / "m").glob("*[0-9a-f].arrow"))) == 1
    graph.ingest(vectors([1]), as_="embeddings", replace=True, **words)
    replacing = graph.info().sources[-1]["run_id"]
    with pytest.raises(SchemaError, match="it replaced the vectors of"):
        graph.drop_source(replacing)
    graph.drop_source(first.run_id)
    graph.drop_source(replacing)
    assert graph.info().embeddings == []
    assert not list((tmp_path / "g" / "embeddings").rglob("*.arrow"))


def test_joins_stay_where_neurons_are_the_same(graph: Graph) -> None:
    graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    types = graph.ingest(pa.table({"root_id": pa.array([1], pa.uint64()), "cell_type": ["T"]}), as_="neurons")
    more = graph.ingest(frame([(2, 4, 3.0)]), as_="connections")
    graph.ingest(vectors([1, 2, 4]), as_="embeddings", model="m", segmentation_version="1")
    graph.embeddings.join(segmentation_version="1")
    assert graph.to_arrow("neuron_embeddings").num_rows == 3
    graph.drop_source(types.run_id)
    assert graph.to_arrow("neuron_embeddings").num_rows == 3
    assert "are forgotten: run join-embeddings again" in str(graph.drop_source(more.run_id))
    assert graph.to_arrow("neuron_embeddings").num_rows == 0


def test_recordings_and_their_behaviour(graph: Graph, tmp_path: Path) -> None:
    frames = range(8)
    recording = pa.table({"time_s": [i / 2 for i in frames], "ASEL": [float(i % 3) for i in frames]})
    moves = pa.table({"time_s": [i / 2 for i in frames], "speed": [float(i) for i in frames]})
    parquet.write_table(recording, tmp_path / "w1.parquet")
    parquet.write_table(moves, tmp_path / "moves.parquet")
    graph.ingest(tmp_path / "w1.parquet", as_="recordings")
    graph.ingest(tmp_path / "moves.parquet", as_="behavior")
    names = pa.table({"root_id": pa.array([7], pa.uint64()), "name": ["ASEL"]})
    with pytest.raises(SchemaError, match=r"moves.parquet \(run .* has behaviour of its animal"):
        graph.drop_source("w1.parquet")
    graph.drop_source("moves.parquet")
    graph.drop_source("w1.parquet")
    assert not list((tmp_path / "g" / "recordings").glob("*.parquet"))
    assert graph.info().sources == []
    # The name that a recording found its neuron by may not go.
    table = graph.ingest(names, as_="neurons")
    graph.ingest(tmp_path / "w1.parquet", as_="recordings")
    with pytest.raises(SchemaError, match="found its neuron 'ASEL' by the name that this source gave it"):
        graph.drop_source(table.run_id)
    assert graph.to_arrow("neurons").num_rows == 1


def test_nobody_else_may_be_writing(graph: Graph, tmp_path: Path) -> None:
    graph.ingest(frame([(1, 2, 3.0)]), as_="connections")
    before = state(graph)
    code = f"from graphlab import Graph; Graph.open({str(tmp_path / 'g')!r}).drop_source('<Table>')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "StoreBusyError" in done.stderr.splitlines()[-1]
    assert state(graph) == before
