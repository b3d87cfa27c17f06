"""Stand-ins for the servers: they speak their HTTP to the real caveclient and neuprint-python, on this machine."""

from __future__ import annotations

import json
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

TOKEN = "0123456789abcdef0123456789abcdef"
ROOT = 864691135000000000


class StandIn(BaseHTTPRequestHandler):
    """Answers of ``server.standin``: (status, content type, body, further headers)."""

    protocol_version = "HTTP/1.1"
    timeout = 10
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _answer(self, body: bytes | None) -> None:
        state = self.server.standin  # type: ignore[attr-defined]
        with state.lock:
            if self.headers.get("Authorization") != f"Bearer {state.token}":
                found = (401, "application/json", json.dumps({"message": f"bad token {TOKEN}"}).encode(), {})
            else:
                found = state.answer(self.path, body)
            state.asked.append(self.path)
        status, kind, content, headers = found
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        stops = state.stops_in is not None and "rows" in headers
        if stops and state.stops_in <= 0:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
            return
        if stops:
            state.stops_in -= 1
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


class State:
    """What a stand-in holds and how it misbehaves."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.token = TOKEN
        self.asked: list[str] = []
        self.cap = 1_000_000
        """Rows that one answer holds."""
        self.stops_in: int | None = None
        """Pages that come whole before one stops in the middle, and every one after it."""
        self.spoil: Callable[[pd.DataFrame], pd.DataFrame] = lambda page: page
        """What becomes of a page before it is sent."""
        self.miscount: Callable[[int], int] = lambda count: count
        """What becomes of a count."""
        self.fails: Callable[[str], int | None] = lambda path: None
        """A status instead of an answer."""

    def pages(self) -> int:
        return sum("count" not in path for path in self.asked if "query" in path)

    def answer(self, path: str, body: bytes | None) -> tuple[int, str, bytes, dict[str, str]]:
        if status := self.fails(path):
            return status, "application/json", json.dumps({"message": f"status {status}"}).encode(), {}
        return self.respond(path, body)

    def respond(self, path: str, body: bytes | None) -> tuple[int, str, bytes, dict[str, str]]:
        raise NotImplementedError


def as_json(value: Any, status: int = 200) -> tuple[int, str, bytes, dict[str, str]]:
    return status, "application/json", json.dumps(value).encode(), {}


class Cave(State):
    """One datastack of CAVE: info service and materialization, as MaterializationEngine 5 answers."""

    datastack = "minnie65_public"

    def __init__(self) -> None:
        super().__init__()
        self.address = ""
        self.versions = {1300: True, 1507: True, 343: False}
        self.tables = cave_tables()
        self.refers = {"aibs_cell_types": "nucleus_detection_v0"}

    def respond(self, path: str, body: bytes | None) -> tuple[int, str, bytes, dict[str, str]]:
        parts = urlsplit(path)
        words = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        at = parts.path
        if at in ("/info/version", "/materialize/version"):
            return as_json("5.14.2")
        if at == "/info/api/v2/datastacks":
            return as_json([self.datastack, "flywire_fafb_public"])
        if at == "/materialize/api/versions":
            return as_json([2, 3])
        if at == f"/info/api/v2/datastack/full/{self.datastack}":
            volume = {"name": "minnie65", "id": 1}
            return as_json({"aligned_volume": volume, "local_server": self.address, "synapse_table": "synapses_pni_2"})
        if at == f"/materialize/api/v3/datastack/{self.datastack}/versions":
            return as_json([number for number, live in self.versions.items() if live or words["expired"] == "True"])
        inside = re.fullmatch(rf"/materialize/api/v[23]/datastack/{self.datastack}/version/(\d+)/(.*)", at)
        if inside is None or not self.versions.get(int(inside[1]), False):
            return as_json("No version found", 404)
        what = inside[2]
        if what == "tables":
            return as_json([*self.tables])
        if found := re.fullmatch(r"table/(\w+)/metadata", what):
            voxel = (4.0, 4.0, 40.0)
            said = {f"voxel_resolution_{axis}": value for axis, value in zip("xyz", voxel, strict=True)}
            return as_json({"table_name": found[1], "reference_table": self.refers.get(found[1]), **said})
        asked = json.loads(body or b"{}")
        if found := re.fullmatch(r"table/(\w+)/query", what):
            return self._query(self.tables[found[1]], found[1], asked, words)
        if what == "query":
            (name, ours), (other, theirs) = asked["tables"]
            suffixes = (asked["suffix_map"][name], asked["suffix_map"][other])
            joined = self.tables[name].merge(
                self.tables[other], left_on=ours, right_on=theirs, suffixes=suffixes, how="inner"
            )
            return self._query(joined, name, asked, words)
        return as_json("no such path", 404)

    def _query(
        self, table: pd.DataFrame, name: str, asked: dict[str, Any], words: dict[str, str]
    ) -> tuple[int, str, bytes, dict[str, str]]:
        for column, value in asked.get("filter_greater_dict", {}).get(name, {}).items():
            table = table[table[column] > value]
        for column, value in asked.get("filter_less_equal_dict", {}).get(name, {}).items():
            table = table[table[column] <= value]
        if words.get("count") == "True":
            page = pd.DataFrame({"count": [self.miscount(len(table))]})
        else:
            shuffled = table.sample(frac=1, random_state=len(self.asked))  # PostgreSQL gives no order
            page = self.spoil(shuffled.head(min(self.cap, asked.get("limit", self.cap))))
        sink = BytesIO()
        batch = pa.RecordBatch.from_pandas(page.reset_index(drop=True))
        with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
            writer.write_batch(batch)
        headers = {"dataframe_resolution": "4.0, 4.0, 40.0"}
        if words.get("count") != "True":
            headers["rows"] = str(len(page))
        return 200, "data.arrow", sink.getvalue(), headers


def cave_tables() -> dict[str, pd.DataFrame]:
    """Synapses with gaps between their ids, nuclei, and cell types that refer to nuclei."""
    rng = np.random.default_rng(7)
    number, neurons = 400, 25
    ids = np.sort(rng.choice(np.arange(1, 2000), number, replace=False))
    roots = ROOT + 2 * np.arange(neurons) + 1

    def points(prefix: str, count: int) -> dict[str, Any]:
        return {f"{prefix}_{axis}": pd.array(rng.integers(1, 10**5, count), "Int64") for axis in "xyz"}

    def stamps(count: int) -> dict[str, Any]:
        when = pd.to_datetime(["2024-05-01T10:00:00.123456Z"] * count, utc=True)
        return {"created": when, "valid": pd.array([True] * count, "boolean")}

    def ends(side: str) -> dict[str, Any]:
        return {
            **points(f"{side}_pt_position", number),
            f"{side}_pt_supervoxel_id": pd.array(rng.integers(8 * 10**16, 9 * 10**16, number), "Int64"),
            f"{side}_pt_root_id": pd.array(rng.choice(roots, number), "Int64"),
        }

    synapses = pd.DataFrame(
        {
            "id": pd.array(ids, "Int64"), **stamps(number), **ends("pre"), **ends("post"),
            **points("ctr_pt_position", number), "size": pd.array(rng.integers(1, 5000, number), "Float32"),
        }
    )  # fmt: skip
    nuclei = pd.DataFrame(
        {
            "id": pd.array(1000 + np.arange(neurons), "Int64"), **stamps(neurons), **points("pt_position", neurons),
            "pt_supervoxel_id": pd.array(rng.integers(8 * 10**16, 9 * 10**16, neurons), "Int64"),
            "pt_root_id": pd.array(roots, "Int64"), "volume": pd.array(rng.random(neurons), "Float64"),
        }
    )  # fmt: skip
    types = pd.DataFrame(
        {
            "id": pd.array(np.arange(neurons - 5) + 1, "Int64"), **stamps(neurons - 5),
            "target_id": pd.array(1000 + np.arange(neurons - 5), "Int64"),
            "classification_system": "excitatory_neuron",
            "cell_type": pd.array(["23P", None, "BC", "MC", "L4"] * 4, "string"),
        }
    )  # fmt: skip
    return {"synapses_pni_2": synapses, "nucleus_detection_v0": nuclei, "aibs_cell_types": types}


def serving(state: State, context: ssl.SSLContext | None = None) -> tuple[ThreadingHTTPServer, int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.daemon_threads = True
    server.standin = state  # type: ignore[attr-defined]
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True).start()
    return server, server.server_address[1]


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where downloads go, and a home without anybody's secrets."""
    monkeypatch.setenv("GRAPHLAB_DOWNLOADS", str(tmp_path / "downloads"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "downloads"


@pytest.fixture
def documented(tmp_path: Path) -> Callable[[str, dict[str, str]], str]:
    """Runs the commands that docs/clients.md gives for one graph, with other servers; what they print."""
    page = (Path(__file__).parents[3] / "docs" / "clients.md").read_text(encoding="utf-8")
    blocks = {block.split()[2]: block for block in re.findall(r"^```bash\n(.*?)^```", page, flags=re.M | re.S)}
    assert set(blocks) == {"minnie", "hemi"}

    def run(name: str, servers: dict[str, str]) -> str:
        text = f'graphlab() {{ "{sys.executable}" -m graphlab.cli "$@"; }}\n{blocks[name]}'
        for theirs, ours in servers.items():
            assert theirs in text
            text = text.replace(theirs, ours)
        command = ["bash", "-euo", "pipefail", "-c", text]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.fixture
def cave(downloads: Path, tmp_path: Path) -> Iterator[Cave]:
    """A CAVE server, and a secret file where caveclient looks for one."""
    state = Cave()
    server, port = serving(state)
    state.address = f"http://127.0.0.1:{port}"
    secrets = tmp_path / "home" / ".cloudvolume" / "secrets"
    secrets.mkdir(parents=True)
    (secrets / "cave-secret.json").write_text(json.dumps({"token": TOKEN}))
    yield state
    server.shutdown()
    server.server_close()


class Neuprint(State):
    """One dataset of neuPrint: its Cypher is run by LadybugDB, its answers are those of neuPrintHTTP."""

    dataset = "hemibrain:v1.2.1"

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self.place = ""
        self.fault: Callable[[str], str | None] = lambda query: None
        """The error text of a query that the server does not run."""
        self.patch: dict[str, Any] = {}
        """Columns of an answer that hold something else."""
        self.connection = connection

    def respond(self, path: str, body: bytes | None) -> tuple[int, str, bytes, dict[str, str]]:
        if path == "/api/dbmeta/datasets":
            return as_json({self.dataset: {"last-mod": "2022", "uuid": "abc"}, "manc:v1.0": {"uuid": "def"}})
        if path == "/api/version":
            return as_json({"Version": "1.7.5"})
        if path != "/api/custom/custom":
            return as_json({"error": "no such path"}, 404)
        query = str(json.loads(body or b"{}")["cypher"])
        self.asked.append(" ".join(query.split()))
        if said := self.fault(query):
            return as_json({"error": said}, 400)
        found = self.connection.execute(query)
        rows = [[_of_neo4j(value) for value in row] for row in found.get_all()]
        page = pd.DataFrame(rows, columns=found.get_column_names(), dtype=object)
        for name in {*page.columns} & {*self.patch}:
            page[name] = self.patch[name]
        headers = {}
        if [*page.columns] == ["rows"]:
            page["rows"] = [self.miscount(int(count)) for count in page["rows"]]
        elif "bodyId" in page or "bodyId_pre" in page:
            page, headers = self.spoil(page.head(self.cap)), {"rows": str(len(page))}
        status, kind, content, _ = as_json({"columns": [*page.columns], "data": page.to_numpy().tolist()})
        return status, kind, content, headers

    def pages(self) -> int:
        return sum("RETURN" in text and "bodyId" in text.split("RETURN")[1].split(" AS ")[1] for text in self.asked)


def _of_neo4j(value: Any) -> Any:
    """A value as neuPrintHTTP writes it: properties of nodes, points with coordinates, nothing that is not there."""
    if isinstance(value, dict) and {*value} == {"x", "y", "z"}:
        return {"coordinates": [value[axis] for axis in "xyz"], "crs": {"srid": 9157}, "type": "Point"}
    if isinstance(value, dict):
        return {name: _of_neo4j(item) for name, item in value.items() if item is not None and name[0] != "_"}
    return value


REGIONS = ("EB", "FB", "SNP(R)")


def neuprint_graph() -> Any:
    """Neurons with properties that only some have, synapses in regions, connections that count them."""
    import ladybug

    database = ladybug.Database(":memory:", max_num_threads=1, buffer_pool_size=2**28)
    graph = ladybug.Connection(database)
    point = "STRUCT(x INT64, y INT64, z INT64)"
    regions = ", ".join(f"`{region}` BOOLEAN" for region in ("SMP(R)", *REGIONS))
    for statement in (
        f"CREATE NODE TABLE Neuron(bodyId INT64 PRIMARY KEY, `type` STRING, instance STRING, status STRING, pre INT64, "
        f"post INT64, upstream INT64, downstream INT64, somaLocation {point}, somaRadius DOUBLE, predictedNt STRING, "
        f"roiInfo STRING, {regions})",
        "CREATE NODE TABLE Synapse(id INT64 PRIMARY KEY, `type` STRING, confidence DOUBLE, "
        f"location {point}, {regions})",
        "CREATE NODE TABLE SynapseSet(id STRING PRIMARY KEY)",
        "CREATE NODE TABLE Meta(dataset STRING PRIMARY KEY, uuid STRING, lastDatabaseEdit STRING, voxelSize DOUBLE[], "
        "voxelUnits STRING, primaryRois STRING[], roiInfo STRING, neuronProperties STRING)",
        "CREATE REL TABLE GROUP Contains(FROM Neuron TO SynapseSet, FROM SynapseSet TO Synapse)",
        "CREATE REL TABLE GROUP ConnectsTo(FROM Neuron TO Neuron, FROM SynapseSet TO SynapseSet, weight INT64)",
        "CREATE REL TABLE SynapsesTo(FROM Synapse TO Synapse)",
    ):
        graph.execute(statement)
    properties = dict.fromkeys(
        ("bodyId", "type", "instance", "status", "pre", "post", "upstream", "downstream", "somaLocation", "somaRadius",
         "predictedNt", "roiInfo", "SMP(R)", *REGIONS), "x"
    )  # fmt: skip
    graph.execute(
        "CREATE (:Meta {dataset: 'hemibrain', uuid: 'a89eb3', lastDatabaseEdit: '2022-03-01', "
        "voxelSize: [8.0, 8.0, 8.0], voxelUnits: 'nanometers', primaryRois: $main, "
        "roiInfo: $regions, neuronProperties: $properties})",
        {
            "main": [*REGIONS], "properties": json.dumps(properties),
            "regions": json.dumps({region: {"pre": 1} for region in ("SMP(R)", *REGIONS)}),
        },
    )  # fmt: skip
    rng = np.random.default_rng(3)
    bodies = np.unique(rng.integers(10**8, 6 * 10**9, 24)).tolist()

    def neuron(i: int, body: int) -> list[Any]:
        kind, place = f"T{i % 4}", {"x": 100 * i, "y": 100 * i + 1, "z": 100 * i + 2}
        return [
            body, None if i % 5 == 0 else kind, f"{kind}_{'LR'[i % 2]}", "Traced", 1, 2, 20, 30,
            place if i % 2 else None, 291.5 if i % 3 else None, "acetylcholine" if i % 2 else None, "{}", True,
            None, None, None,
        ]  # fmt: skip

    pairs = [
        (pre, post, int(rng.integers(1, 4)))
        for i, pre in enumerate(bodies)
        for post in rng.choice(bodies, 4 if i else 9, replace=False).tolist()
    ]
    sites, sets = [], []
    for pre, post, weight in pairs:
        for _ in range(weight):
            x, region = int(rng.integers(1, 30000)), int(rng.integers(0, 3))
            there = [True if region == k else None for k in range(3)]
            sites += [
                [len(sites), "pre", 0.9, {"x": x, "y": x + 1, "z": x + 2}, True, *there],
                [len(sites) + 1, "post", 0.5, {"x": x + 9, "y": x + 1, "z": x + 2}, None, *there],
            ]
            sets += [(f"{pre}_{post}_pre", len(sites) - 2), (f"{pre}_{post}_post", len(sites) - 1)]
    ends = [(f"{pre}_{post}_pre", f"{pre}_{post}_post", weight) for pre, post, weight in pairs]
    fill(graph, "Neuron", [neuron(i, body) for i, body in enumerate(bodies)])
    fill(graph, "Synapse", sites)
    fill(graph, "SynapseSet", [(name,) for both in ends for name in both[:2]])
    fill(graph, "ConnectsTo_Neuron_Neuron", pairs)
    fill(graph, "ConnectsTo_SynapseSet_SynapseSet", ends)
    fill(graph, "SynapsesTo", [(i, i + 1) for i in range(0, len(sites), 2)])
    owned = [
        pair
        for (pre, post, _), (ours, theirs, _) in zip(pairs, ends, strict=True)
        for pair in ((pre, ours), (post, theirs))
    ]
    fill(graph, "Contains_Neuron_SynapseSet", owned)
    fill(graph, "Contains_SynapseSet_Synapse", sets)
    return graph


def fill(graph: Any, table: str, rows: list[Any]) -> None:
    """All rows of a table at once."""
    name, _, ends = table.partition("_")
    columns = {f"c{i}": pa.array(values) for i, values in enumerate(zip(*rows, strict=True))}
    between = ends.split("_")
    only = f" (from='{between[0]}', to='{between[1]}')" if ends else ""
    graph.execute(f"COPY {name} FROM $rows{only}", {"rows": pa.table(columns)})


@pytest.fixture(scope="session")
def hemibrain() -> Any:
    return neuprint_graph()


@pytest.fixture
def neuprint(hemibrain: Any, downloads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Neuprint]:
    """A neuPrint server, https as neuprint-python wants it, and a token where it looks for one."""
    import trustme

    state = Neuprint(hemibrain)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    monkeypatch.setenv("NEUPRINT_APPLICATION_CREDENTIALS", TOKEN)
    server, port = serving(state, context)
    state.place = f"127.0.0.1:{port}"
    yield state
    server.shutdown()
    server.server_close()
