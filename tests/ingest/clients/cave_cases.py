"""CAVE through caveclient against a stand-in; run by test_cave.py with an interpreter that has caveclient."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from graphlab import Graph
from graphlab.graph import Graph as Opened
from ingest.clients import failures
from ingest.schema.errors import ReadError, SchemaError, UnknownNameError, VersionError

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "PAUSES_S", (0.0, 0.0))


@pytest.fixture
def graph(cave: Any, tmp_path: Path) -> Opened:
    cave.cap = 90
    return Graph.create(tmp_path / "g")


def address(server: Any, table: str = "synapses_pni_2", version: int | None = 1300, place: str = "") -> str:
    words = f"version={version}&" if version else ""
    return f"cave://{place or server.datastack}/{table}?{words}server={server.address}"


def rows(graph: Opened, text: str) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in graph.query(text, language="sql").to_arrow().to_pylist()]


def fails(graph: Opened, source: str, as_: str = "synapses") -> str:
    """The error of an ingest, after which the graph is as it was."""
    before = graph.info()
    with pytest.raises((ReadError, SchemaError, UnknownNameError, VersionError)) as error:
        graph.ingest(source, as_=as_)
    assert graph.info() == before
    assert graph.runs().num_rows == 0
    assert TOKEN not in str(error.value)
    return str(error.value)


def test_synapses_past_the_row_cap(cave: Any, graph: Opened) -> None:
    """400 synapses, 90 an answer, in no order, ids with gaps: to the digit as the server holds them."""
    with graph:
        summary = graph.ingest(address(cave), as_="synapses")
        assert (summary.rows, summary.left_out) == (400, 0)
        held = cave.tables["synapses_pni_2"]
        wanted = zip(
            held["id"], held["pre_pt_root_id"], held["post_pt_root_id"], held["pre_pt_supervoxel_id"],
            held["ctr_pt_position_x"] * 4.0, held["ctr_pt_position_z"] * 40.0, held["size"], strict=True,
        )  # fmt: skip
        found = "SELECT synapse_id, pre_root_id, post_root_id, pre_supervoxel_id, x_nm, z_nm, size FROM synapses"
        assert rows(graph, f"{found} ORDER BY synapse_id") == [tuple(row) for row in wanted]
        info = graph.info()
        assert (info.dataset, info.materialization) == ("minnie65_public", "1300")
        assert graph.ingest(f"{address(cave)}&page=7", as_="synapses").already_there


def test_a_page_that_the_user_makes_smaller(cave: Any, graph: Opened) -> None:
    with graph:
        assert graph.ingest(f"{address(cave)}&page=25", as_="synapses").rows == 400
    limits = cave.pages()
    assert limits >= 400 // 25


def test_a_table_that_refers_to_another(cave: Any, graph: Opened) -> None:
    """Cell types have a target in the nuclei, where their root ids and positions are."""
    with graph:
        assert graph.ingest(address(cave, "aibs_cell_types"), as_="neurons").rows == 20
        joined = cave.tables["aibs_cell_types"].merge(
            cave.tables["nucleus_detection_v0"], left_on="target_id", right_on="id"
        )
        types = [None if pd.isna(name) else name for name in joined["cell_type"]]
        wanted = Counter(zip(joined["pt_root_id"], types, joined["pt_position_y"] * 4.0, strict=True))
        assert Counter(rows(graph, "SELECT root_id, cell_type, y_nm FROM neurons")) == wanted


def test_a_version_stays_alone(cave: Any, graph: Opened) -> None:
    with graph:
        graph.ingest(address(cave, "nucleus_detection_v0"), as_="neurons")
        before = graph.info()
        with pytest.raises(VersionError, match="of materialization 1507, the graph of 1300"):
            graph.ingest(address(cave, version=1507), as_="synapses")
        cave.datastack = "minnie65_phase3_v1"
        with pytest.raises(VersionError, match="data set cave://minnie65_phase3_v1, the graph of cave://minnie65_pub"):
            graph.ingest(address(cave), as_="synapses")
        assert graph.info() == before


def test_what_there_is_not(cave: Any, graph: Opened) -> None:
    with graph:
        assert "say which materialization: cave://" in fails(graph, address(cave, version=None))
        assert "the server has 1300, 1507" in fails(graph, address(cave, version=None))
        gone = fails(graph, address(cave, version=343))
        assert "materialization 343 is gone from the server; it has 1300, 1507" in gone
        assert "materialization 99 is no version of this datastack" in fails(graph, address(cave, version=99))
        table = fails(graph, address(cave, "synapse_pni_2"))
        assert (
            "unknown table of minnie65_public at materialization 1300 'synapse_pni_2'; did you mean 'synapses" in table
        )
        place = fails(graph, address(cave, place="minnie_65_public"))
        assert "unknown datastack 'minnie_65_public'; did you mean 'minnie65_public'" in place
        assert "--as connections: cave:// has synapses and neurons" in fails(graph, address(cave), "connections")


def test_credentials(cave: Any, graph: Opened, tmp_path: Path) -> None:
    with graph:
        cave.token = "another"
        refused = fails(graph, address(cave))
        assert "refused the credentials" in refused
        assert "caveclient reads its own secret file" in refused
        (tmp_path / "home" / ".cloudvolume" / "secrets" / "cave-secret.json").unlink()
        assert "no credentials. caveclient reads its own secret file" in fails(graph, address(cave))


def test_a_server_that_stops_in_the_middle_of_a_page(cave: Any, graph: Opened, downloads: Path) -> None:
    with graph:
        cave.stops_in = 3
        said = fails(graph, address(cave))
        assert "the connection broke or the answer was not whole" in said
        assert "of 400 rows are kept in" in said
        kept = len([*downloads.rglob("*.parquet")])
        assert kept == 2  # the first of three was cut at 90 rows, and told the cap
        cave.stops_in, cave.asked = None, []
        assert graph.ingest(address(cave), as_="synapses").rows == 400
        fresh = graph.query("SELECT sum(synapse_id) AS s FROM synapses", language="sql").to_arrow()["s"][0].as_py()
        assert fresh == cave.tables["synapses_pni_2"]["id"].sum()
        assert TOKEN.encode() not in b"".join(path.read_bytes() for path in downloads.rglob("*") if path.is_file())


def after(pages: int, spoil: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    count = itertools.count()
    return lambda page: spoil(page) if next(count) >= pages else page


def test_pages_that_repeat_or_skip(cave: Any, graph: Opened) -> None:
    with graph:
        cave.spoil = after(2, lambda page: pd.concat([page.iloc[1:], page.iloc[1:2]]))
        assert "repeats 1 rows; its pages cannot be trusted" in fails(graph, address(cave))
        cave.spoil = after(1, lambda page: page.iloc[1:])
        assert "rows would be missing or doubled" in fails(graph, address(cave))
        cave.spoil = lambda page: page
        assert graph.ingest(address(cave), as_="synapses").rows == 400


def test_counts_that_differ(cave: Any, graph: Opened) -> None:
    with graph:
        cave.miscount = lambda rows: rows + 1 if rows == 400 and cave.pages() else rows
        assert "counted 400 rows before and 401 after" in fails(graph, address(cave))


def test_a_version_that_goes_in_the_middle(cave: Any, graph: Opened) -> None:
    with graph:
        cave.fails = lambda path: 410 if "query" in path and cave.pages() > 2 else None
        said = fails(graph, address(cave))
        assert "this version is gone (HTTP 410" in said
        assert "are kept in" in said


def test_ids_that_came_as_decimals(cave: Any, graph: Opened) -> None:
    """What an old server, or a library between, makes of ids beside empty cells."""
    with graph:
        cave.spoil = lambda page: page.assign(pre_pt_root_id=page["pre_pt_root_id"].astype("float64"))
        said = fails(graph, address(cave))
    assert "'pre_pt_root_id' came as decimals, which do not hold the digits of ids" in said


def test_an_old_server(cave: Any, graph: Opened) -> None:
    """caveclient itself refuses servers that lose the types of columns."""
    respond = cave.respond
    cave.respond = lambda path, body: (
        respond(path, body) if path != "/materialize/version" else (200, "application/json", b'"4.30.1"', {})
    )
    with graph:
        assert "ServerIncompatibilityError" in fails(graph, address(cave))


def test_the_page_of_the_docs(cave: Any, tmp_path: Path, documented: Any) -> None:
    printed = documented("minnie", {"version=1300": f"version=1300&server={cave.address}"})
    assert "20 rows of neurons" in printed
    assert "400 rows of synapses" in printed
    with Graph.open(tmp_path / "minnie", read_only=True) as graph:
        assert graph.info().counts["synapses"] == 400
