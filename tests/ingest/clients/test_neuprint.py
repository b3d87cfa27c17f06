"""neuPrint through neuprint-python, over TLS, against a stand-in whose Cypher another database runs."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from graphlab import Graph
from ingest.reader import ReadRequest
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError
from ingest.tables import open_source

CHAIN = (
    "MATCH (n:Neuron)-[:Contains]->(s:SynapseSet)-[:ConnectsTo]->(t:SynapseSet)<-[:Contains]-(m:Neuron), "
    "(s)-[:Contains]->(a:Synapse)-[:SynapsesTo]->(b:Synapse)<-[:Contains]-(t) "
)


def truth(server: Any, query: str) -> list[tuple[Any, ...]]:
    """What the stand-in's database holds, asked directly."""
    return [tuple(row) for row in server.connection.execute(query).get_all()]


def address(server: Any, words: str = "") -> str:
    return f"neuprint://{server.place}/{server.dataset}{words}"


def rows(graph: Graph, text: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in graph.query(text, language="sql").to_arrow().to_pylist()]


def test_neurons_and_synapses(neuprint: Any, tmp_path: Path) -> None:
    neuprint.cap = 60
    with Graph.create(tmp_path / "g") as graph:
        notes = graph.ingest(address(neuprint), as_="neurons").notes
        assert notes[0].startswith("24 rows, as many as the server counted before and after; asked for 20")
        assert "properties left out: roiInfo, one per region" in notes
        wanted = truth(
            neuprint,
            "MATCH (n:Neuron) RETURN n.bodyId, n.instance, n.`type`, n.predictedNt, n.somaLocation.x * 8.0, n.status, "
            "CAST(n.upstream AS DOUBLE), CAST(n.downstream AS DOUBLE), n.somaRadius ORDER BY n.bodyId",
        )
        found = "SELECT root_id, name, cell_type, nt_type, x_nm, status, total_in, total_out, somaRadius FROM neurons"
        assert rows(graph, f"{found} ORDER BY root_id") == wanted
        summary = graph.ingest(address(neuprint), as_="synapses")
        assert summary.rows > 3 * neuprint.cap
        wanted = truth(
            neuprint,
            CHAIN + "RETURN n.bodyId, m.bodyId, b.location.x * 8.0, b.location.y * 8.0, b.location.z * 8.0, "
            "CASE WHEN b.EB THEN 'EB' WHEN b.FB THEN 'FB' ELSE 'SNP(R)' END, b.confidence",
        )
        found = "SELECT pre_root_id, post_root_id, x_nm, y_nm, z_nm, neuropil, score FROM synapses"
        assert Counter(rows(graph, found)) == Counter(wanted)
        weights = truth(neuprint, "MATCH (n:Neuron)-[e:ConnectsTo]->(m:Neuron) RETURN n.bodyId, m.bodyId, e.weight")
        assert Counter(rows(graph, "SELECT pre_root_id, post_root_id, weight FROM connections")) == Counter(weights)
        info = graph.info()
        assert (info.dataset, info.materialization) == ("hemibrain:v1.2.1", "v1.2.1")
        again = graph.ingest(address(neuprint, "?page=7"), as_="synapses")  # the same table, however it comes
        assert again.already_there


@pytest.mark.parametrize("cap", [8, 10**6])
def test_connections_past_any_cap(neuprint: Any, tmp_path: Path, cap: int) -> None:
    """With 8 rows an answer, the nine partners of the first neuron come in parts, too."""
    neuprint.cap = cap
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(address(neuprint), as_="connections")
        weights = truth(neuprint, "MATCH (n:Neuron)-[e:ConnectsTo]->(m:Neuron) RETURN n.bodyId, m.bodyId, e.weight")
        assert Counter(rows(graph, "SELECT pre_root_id, post_root_id, weight FROM connections")) == Counter(weights)


def test_the_pages_are_a_table_of_their_own(neuprint: Any, downloads: Path) -> None:
    """What was kept is read without the server, by whoever has the folder."""
    first = open_source(address(neuprint), ReadRequest("connections"))
    kept = next(downloads.rglob("pages"))
    asked = len(neuprint.asked)
    again = open_source(kept, ReadRequest("connections", columns="neuprint"))
    assert pa.Table.from_batches(again.batches) == pa.Table.from_batches(first.batches)
    open_source(address(neuprint), ReadRequest("connections"))
    assert len(neuprint.asked) == asked


def test_versions_and_datasets_do_not_mix(neuprint: Any, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g", materialization="v1.1") as graph:
        with pytest.raises(VersionError, match=r"materialization v1.2.1, the graph of v1.1"):
            graph.ingest(address(neuprint), as_="connections")
        assert graph.info().counts["connections"] == 0
    with Graph.create(tmp_path / "h") as graph:
        graph.ingest(address(neuprint), as_="connections")
        neuprint.dataset, before = "hemibrain:v1.2", graph.info()
        with pytest.raises(VersionError, match=r"materialization v1.2, the graph of v1.2.1"):
            graph.ingest(address(neuprint), as_="neurons")
        neuprint.dataset = "manc:v1.2.1"
        with pytest.raises(VersionError, match=r"data set neuprint://.*/manc, the graph of neuprint://.*/hemibrain"):
            graph.ingest(address(neuprint), as_="neurons")
        assert graph.info() == before


def test_no_voxel_size_is_no_guess(neuprint: Any, tmp_path: Path) -> None:
    neuprint.patch = {"voxelUnits": "inches"}
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(SchemaError, match="say how long one is with --resolution"):
            graph.ingest(address(neuprint), as_="neurons")
        graph.ingest(address(neuprint), as_="neurons", resolution="4,4,4")
        assert rows(graph, "SELECT max(x_nm) FROM neurons") == [(2300 * 4.0,)]


def test_what_there_is_not(neuprint: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Graph.create(tmp_path / "g") as graph:
        before = graph.info()

        def fails(source: str, as_: str = "neurons") -> str:
            with pytest.raises((ReadError, SchemaError, UnknownNameError)) as error:
                graph.ingest(source, as_=as_)
            assert graph.info() == before
            assert graph.runs().num_rows == 0
            return str(error.value)

        wrong = fails(f"neuprint://{neuprint.place}/hemibrian:v1.2.1")
        assert "unknown dataset of 127.0.0.1" in wrong
        assert "did you mean 'hemibrain:v1.2.1'" in wrong
        assert "--as embeddings: neuprint:// has neurons and connections and synapses" in fails(
            address(neuprint), "embeddings"
        )
        assert "servers have tables" in fails(address(neuprint), "recordings")
        monkeypatch.delenv("NEUPRINT_APPLICATION_CREDENTIALS")
        assert "no credentials. neuprint-python reads the environment variable" in fails(address(neuprint))
        monkeypatch.setenv("NEUPRINT_APPLICATION_CREDENTIALS", "an-old-token")
        refused = fails(address(neuprint))
        assert "refused the credentials" in refused
        assert "HTTP 401" in refused


def test_a_command_that_holds_a_token(neuprint: Any, tmp_path: Path) -> None:
    Graph.create(tmp_path / "g").close()
    command = [sys.executable, "-m", "graphlab.cli", "ingest", str(tmp_path / "g"), "--as", "neurons"]
    done = subprocess.run(
        [*command, address(neuprint, "?token=0123abcd")], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "credentials" in done.stderr
    assert "0123abcd" not in done.stderr


def test_the_page_of_the_docs(neuprint: Any, tmp_path: Path, documented: Any) -> None:
    printed = documented("hemi", {"neuprint.janelia.org": neuprint.place})
    assert "24 rows of neurons" in printed
    assert "101 rows of connections" in printed
    with Graph.open(tmp_path / "hemi", read_only=True) as graph:
        assert graph.info().counts["connections"] == 101
