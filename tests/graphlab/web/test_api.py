"""The API over a real server: what it answers is what the verbs of ``Graph`` give."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pyarrow as pa
import pytest
from pyarrow import csv, feather, parquet

from graphlab.exchange.table_files import cells_of
from graphlab.graph import Graph
from graphlab.web.answers import ARROW, json_value, result_of, type_name
from graphlab.web.settings import Settings
from ingest.schema.errors import SchemaError

HERE = "/api/graphs/made"
ALL = "SELECT pre_root_id, post_root_id, weight FROM connections ORDER BY weight DESC, pre_root_id, post_root_id"


def asked(client: httpx.Client, path: str, **words: Any) -> dict[str, Any]:
    answer = client.post(f"{HERE}/{path}", json=words)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_server_and_graph(client: httpx.Client, graph: Graph) -> None:
    server = client.get("/api/server").json()
    assert server["graphs"] == ["made"]
    shown = {one["name"]: one for one in server["settings"]}
    assert shown["time_limit"]["value"] == Settings().time_limit
    assert all(one["option"].startswith("--") and one["about"] for one in shown.values())
    info = client.get(HERE).json()
    assert info["counts"] == graph.info().counts
    assert info["dataset"] == "hemibrain:v1.2"
    assert "path" not in info
    words = client.get(f"{HERE}/words").json()
    assert words == json_value(graph.words())
    found = client.get(f"{HERE}/values", params={"column": "cell_type", "prefix": "a"}).json()
    assert found == {"values": [{"value": "A", "neurons": 4}], "more": False}
    assert client.get(f"{HERE}/models").json() == {"models": []}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ALL, None),
        ("A -> B [weight > 1]\nB -> A", "dotmotif"),
        ("MATCH (a:Neuron)-[e:ConnectsTo]->(b:Neuron) WHERE a.type = 'A' RETURN a.bodyId, b.bodyId, e.weight", None),
    ],
)
def test_questions_in_every_language(client: httpx.Client, graph: Graph, text: str, language: str | None) -> None:
    found = asked(client, "query", text=text, language=language)
    whole = graph.query(text, language=language)
    assert found["rows"] == len(whole) > 0
    assert [column["name"] for column in found["columns"]] == whole.columns
    assert sorted(map(json.dumps, found["page"]["rows"])) == sorted(map(json.dumps, cells_of(whole.table)))[:100] or (
        found["rows"] > 100
    )
    counted = asked(client, "query", text=text, language=language, count=True)
    assert counted["page"]["rows"] == [[len(whole)]]
    told = asked(client, "query", text=text, language=language, explain=True)
    assert [column["name"] for column in told["columns"]] == ["pattern", "part", "detail"]


def test_ids_are_text_and_whole(client: httpx.Client) -> None:
    found = asked(
        client, "query", text="SELECT root_id, CAST(root_id AS BIGINT) AS b, {'i': root_id} AS s FROM neurons"
    )
    assert [column["type"] for column in found["columns"]] == ["uint64", "int64", "struct<i: uint64>"]
    for row in found["page"]["rows"]:
        assert row[0].startswith("72057594060356")
        assert row[1] == row[0]
        assert row[2] == {"i": row[0]}


def test_answers_are_paged_sorted_and_filtered(client: httpx.Client, graph: Graph) -> None:
    found = asked(client, "query", text=ALL)
    rows = cells_of(graph.query(ALL).table)
    place = f"{HERE}/results/{found['result']}"
    pages = [client.get(place, params={"offset": at, "limit": 30}).json()["rows"] for at in range(0, len(rows), 30)]
    assert [row for one in pages for row in one] == rows
    upwards = client.get(place, params={"sort": "weight", "limit": 1_000}).json()
    assert upwards["rows"] == sorted(rows, key=lambda row: row[2])
    some = client.get(place, params={"filter": "60301", "column": "post_root_id", "limit": 1_000}).json()
    assert some["rows"] == [row for row in rows if "60301" in row[1]]
    assert some["total"] == len(some["rows"])
    assert client.get(place, params={"sort": "wieght"}).json()["error"]["known"] == [
        "post_root_id",
        "pre_root_id",
        "weight",
    ]
    assert client.get(f"{HERE}/results/none").status_code == 404


@pytest.mark.parametrize("form", ["csv", "parquet", "arrow", "json", "xlsx"])
def test_answers_as_files(client: httpx.Client, graph: Graph, form: str) -> None:
    found = asked(client, "query", text=ALL)
    answer = client.get(f"{HERE}/results/{found['result']}/file", params={"format": form, "sort": "weight"})
    assert answer.headers["content-disposition"] == f'attachment; filename="made-result.{form}"'
    wanted = graph.query(ALL).table
    wanted = wanted.take(pa.array(sorted(range(len(wanted)), key=lambda at: wanted["weight"][at].as_py())))
    if form == "csv":
        assert csv.read_csv(io.BytesIO(answer.content)).cast(wanted.schema) == wanted
    elif form == "parquet":
        assert parquet.read_table(io.BytesIO(answer.content)) == wanted
    elif form == "arrow":
        assert feather.read_table(io.BytesIO(answer.content)) == wanted
    elif form == "json":
        assert [list(row.values()) for row in answer.json()] == cells_of(wanted)
    else:
        assert answer.content.startswith(b"PK")


def test_whole_answers_as_arrow(client: httpx.Client, graph: Graph) -> None:
    with client.stream("POST", f"{HERE}/query", json={"text": ALL}, headers={"Accept": ARROW}) as answer:
        table = pa.ipc.open_stream(answer.read()).read_all()
    assert table.replace_schema_metadata(None) == graph.query(ALL).table
    assert json.loads(table.schema.metadata[b"graphlab"])["truncated"] is False


def test_errors_say_where(client: httpx.Client) -> None:
    answer = client.post(f"{HERE}/query", json={"text": "SELECT *\nFROM neuronz"})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["kind"], error["line"], error["column"], error["length"]) == ("ParseError", 2, 6, 7)
    assert "did you mean 'neurons'" in error["message"]
    assert error["shown"].endswith("^^^^^^^")
    shape = client.post(f"{HERE}/query", json={"txt": "SELECT 1"})
    assert shape.status_code == 422
    assert "text: Field required" in shape.json()["error"]["message"]
    for path in ("/api/graphs/maed", "/api/nothing", f"{HERE}/runs/abc", f"{HERE}/sets/nobody"):
        assert client.get(path).status_code == 404, path
    assert "did you mean 'made'" in client.get("/api/graphs/maed").json()["error"]["message"]


def test_patterns_as_data(client: httpx.Client) -> None:
    text = 'A -> B [weight >= 3]\nB !> A\nA.cell_type = "L2"'
    found = asked(client, "parse", text=text)
    assert found["language"] == "dotmotif"
    (pattern,) = found["patterns"]
    assert [(e["source"], e["target"], e["absent"], e["where"]) for e in pattern["edges"]] == [
        ("A", "B", False, "weight >= 3"),
        ("B", "A", True, None),
    ]
    assert [(v["name"], v["where"]) for v in pattern["vertices"]] == [("A", "A.cell_type = 'L2'"), ("B", None)]
    wrong = client.post(f"{HERE}/parse", json={"text": "A -> B\nB -< A"})
    assert wrong.json()["error"]["line"] == 2


def test_sets_runs_and_texts(client: httpx.Client, graph: Graph) -> None:
    listed = client.get(f"{HERE}/sets").json()
    assert listed["page"]["rows"][0][:3] == ["mine", 4, 4]
    assert client.get(f"{HERE}/sets/mine").json()["root_ids"] == [str(root) for root in graph.sets["mine"].root_ids]
    runs = client.get(f"{HERE}/runs").json()
    run_id = next(row[0] for row in runs["page"]["rows"] if row[1] == "census")
    run = client.get(f"{HERE}/runs/{run_id}").json()
    assert run["rerun"] == f"graphlab rerun made {run_id}"
    assert run["parameters"]["size"] == 3
    assert run["methods"] == graph.methods(run_id)
    assert asked(client, "methods", result=run_id) == {"text": graph.methods(run_id)}
    link = asked(client, "sets/link", who="mine", segmentation="precomputed://gs://a/b")
    assert link["text"] == graph.sets.link("mine", segmentation="precomputed://gs://a/b")
    assert client.post(f"{HERE}/sets/link", json={"who": "nobody"}).status_code == 400


def test_skeletons(client: httpx.Client, graph: Graph) -> None:
    root = graph.to_arrow("neurons")["root_id"][0].as_py()
    nodes = pa.ipc.open_stream(client.get(f"{HERE}/skeletons/{root}").content).read_all()
    assert nodes["parent"].to_pylist() == [None, 1, 2, 2]
    assert nodes["y_nm"].to_pylist() == [0, 10, 20, 20]
    assert client.get(f"{HERE}/skeletons/{root + 9}").status_code == 400


def test_rows_are_cut_and_it_is_said(graph: Graph, serve: Any) -> None:
    with serve({"made": graph}, Settings(rows=7, answer_mb=1)) as client:
        found = asked(client, "query", text=ALL)
        assert (found["rows"], found["truncated"]) == (7, True)
        found = asked(client, "connections")
        assert (found["rows"], found["truncated"]) == (7, True)
        assert found["notes"] == [
            f"the first 7 of {len(graph.connections()):,} rows; the server's --rows sets how many"
        ]
        wide = client.post(f"{HERE}/query", json={"text": "SELECT repeat('x', 400000) AS t FROM neurons LIMIT 6"})
        assert wide.status_code == 422
        assert "1 MB" in wide.json()["error"]["message"]


def test_settings_are_numbers() -> None:
    with pytest.raises(SchemaError, match="rows is 0"):
        Settings(rows=0)
    with pytest.raises(SchemaError, match="time_limit is inf"):
        Settings(time_limit=float("inf"))


def test_values_as_json() -> None:
    assert json_value({1: [float("nan"), 2**53, {3}, None, True, "x"]}) == {
        "1": [None, str(2**53), [3], None, True, "x"]
    }
    assert type_name(pa.dictionary(pa.int32(), pa.large_string())) == "string"
    assert result_of(3).table.to_pylist() == [{"value": 3}]
