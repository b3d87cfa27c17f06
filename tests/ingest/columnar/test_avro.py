"""Avro: the same values as fastavro alone reads, from any packing, in one file or a folder; nothing unfolds unseen."""

from __future__ import annotations

import random
import sys
import zlib
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.columnar import avro
from ingest.columnar.files import open_columns, read_columns
from ingest.reader import ReadRequest
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.tables import open_source

fastavro = pytest.importorskip("fastavro")

BIG = 2**53 + 1
CODECS = ["null", "deflate", "bzip2", "xz"]


def record(name: str, *fields: tuple[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": field, "type": kind} for field, kind in fields]}


SITE = record("Site", ("neuron_id", ["null", "long"]), ("class_label", "string"))
SCHEMA = record(
    "Synapse",
    ("id", "string"),
    ("location", record("Point", ("x", "double"), ("y", "double"), ("z", "double"))),
    ("pre_synaptic_site", SITE),
    ("post_synaptic_partner", "Site"),
    ("confidence", ["null", "float"]),
)
"""Records inside records, as H01 has them."""
COLUMNS = {
    "pre_root_id": "pre_synaptic_site.neuron_id",
    "post_root_id": "post_synaptic_partner.neuron_id",
    "score": "confidence",
    "x_vx": "location.x",
    "y_vx": "location.y",
    "z_vx": "location.z",
}


def synapses(first: int, count: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"s{i}",
            "location": {"x": float(i), "y": 2.0, "z": 3.0},
            "pre_synaptic_site": {"neuron_id": BIG + i % 3, "class_label": "axon"},
            "post_synaptic_partner": {"neuron_id": 5, "class_label": "dendrite"},
            "confidence": None if i % 2 else 0.5,
        }
        for i in range(first, first + count)
    ]


def write(path: Path, schema: Any, rows: list[Any], codec: str = "null", **said: Any) -> Path:
    with path.open("wb") as file:
        fastavro.writer(file, schema, rows, codec=codec, **said)
    return path


def read(source: Path, as_: str = "synapses", columns: Any = COLUMNS, **said: Any) -> pa.Table:
    reading = open_source(source, ReadRequest(as_, columns, resolution=Resolution(8, 8, 33), **said))
    return pa.Table.from_batches(list(reading.batches), reading.schema)


@pytest.mark.parametrize("codec", CODECS)
def test_records_inside_records_are_columns(tmp_path: Path, codec: str) -> None:
    path = write(tmp_path / "a.avro", SCHEMA, synapses(0, 500), codec, sync_interval=1000)
    found = read(path)
    assert found["pre_root_id"].to_pylist() == [BIG + i % 3 for i in range(500)]
    assert found["x_nm"].to_pylist()[:2] == [0.0, 8.0]
    assert found["z_nm"].to_pylist()[0] == 99.0
    assert found["score"].to_pylist()[:2] == [0.5, None]
    assert found["pre_synaptic_site.class_label"].to_pylist()[0] == "axon"
    assert open_columns(path).rows == 500


@pytest.mark.parametrize("codec", ["zstandard", "snappy"])
def test_packings_that_arrow_unpacks(tmp_path: Path, codec: str) -> None:
    """fastavro needs further libraries for these; the same blocks, packed here."""
    path = write(tmp_path / "a.avro", SCHEMA, synapses(0, 50))
    data = memoryview(path.read_bytes())
    about, begin = avro._header(data)
    ((at, size, count),) = avro._blocks(data, begin)
    raw = bytes(data[at : at + size])
    packed = bytes(pa.compress(raw, codec={"zstandard": "zstd"}.get(codec, codec), asbytes=True))
    packed += zlib.crc32(raw).to_bytes(4, "big") if codec == "snappy" else b""
    sync = bytes(data[begin - 16 : begin])
    meta = {**about, "avro.codec": codec.encode()}
    head = avro.MAGIC + avro._number(len(meta))
    for key, value in meta.items():
        head += avro._number(len(key)) + key.encode() + avro._number(len(value)) + value
    whole = head + avro._number(0) + sync + avro._number(count) + avro._number(len(packed)) + packed + sync
    (tmp_path / "b.avro").write_bytes(whole)
    assert read(tmp_path / "b.avro").equals(read(path))
    (tmp_path / "b.avro").write_bytes(whole[:-17] + bytes([whole[-17] ^ 1]) + sync)
    with pytest.raises(ReadError, match=r"b.avro: this is no whole Avro file"):
        read(tmp_path / "b.avro")


def test_a_folder_of_parts_is_one_table(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(3):
        write(shards / f"synapses-{number:05d}-of-00003.avro", SCHEMA, synapses(10 * number, 10), "deflate")
    assert read(shards)["x_nm"].to_pylist() == [8.0 * i for i in range(30)]
    (shards / "synapses-00001-of-00003.avro").unlink()
    with pytest.raises(ReadError, match="parts of the table are missing: synapses-00001-of-00003.avro"):
        read(shards)
    bare = tmp_path / "bare"
    bare.mkdir()
    for number in range(2):
        write(bare / f"export_{number:012d}", SCHEMA, synapses(10 * number, 10))
    assert read(bare).num_rows == 20


KINDS: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "flag": ("boolean", st.booleans()),
    "int": ("int", st.integers(-(2**31), 2**31 - 1)),
    "long": ("long", st.integers(-(2**63), 2**63 - 1)),
    "double": ("double", st.floats(allow_nan=False)),
    "text": ("string", st.text(max_size=9)),
    "bytes": ("bytes", st.binary(max_size=9)),
    "fixed": ({"type": "fixed", "name": "F", "size": 3}, st.binary(min_size=3, max_size=3)),
    "enum": ({"type": "enum", "name": "E", "symbols": ["a", "b"]}, st.sampled_from("ab")),
    "maybe": (["null", "long"], st.none() | st.integers(0, 9)),
    "list": ({"type": "array", "items": "long"}, st.lists(st.integers(0, 2**60), max_size=3)),
}


ROWS = st.lists(st.fixed_dictionaries({name: values for name, (_, values) in KINDS.items()}), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(rows=ROWS, codec=st.sampled_from(CODECS), names=st.sets(st.sampled_from(sorted(KINDS)), min_size=1))
def test_as_fastavro_alone_reads(
    rows: list[dict[str, Any]], codec: str, names: set[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    schema = record("Row", *((name, KINDS[name][0]) for name in sorted(names)))
    chosen = [{name: row[name] for name in names} for row in rows]
    path = write(tmp_path_factory.mktemp("avro") / "a.avro", schema, chosen, codec, sync_interval=1)
    with path.open("rb") as file:
        assert read_columns(path).to_pylist() == list(fastavro.reader(file))


def test_values_without_one_type_are_text(tmp_path: Path) -> None:
    when = datetime(2020, 1, 2, 3, tzinfo=UTC)
    schema = record(
        "Row",
        ("a", ["long", "string", "null"]),
        ("b", {"type": "map", "values": "long"}),
        ("c", {"type": "long", "logicalType": "timestamp-millis"}),
        ("d", {"type": "array", "items": record("In", ("x", "long"))}),
    )
    rows = [{"a": 2**60 + 1, "b": {"k": 1}, "c": when, "d": [{"x": 1}]}, {"a": "t", "b": {}, "c": when, "d": []}]
    found = read_columns(write(tmp_path / "a.avro", schema, [*rows, {**rows[1], "a": None}]))
    assert found["a"].to_pylist() == [str(2**60 + 1), "t", None]
    assert found["b"].to_pylist()[0] == '{"k": 1}'
    assert found["c"].to_pylist()[0] == when
    assert found["d"].to_pylist()[0] == '[{"x": 1}]'


def test_ids_are_held_to_the_same_rules(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="connections need the columns pre_root_id, .*; found id, location.x"):
        read(write(tmp_path / "b.avro", SCHEMA, synapses(0, 1)), "connections", None)
    schema = record("Row", ("pre_root_id", "double"), ("post_root_id", "long"), ("weight", "double"))
    write(tmp_path / "c.avro", schema, [{"pre_root_id": 1.5, "post_root_id": 2, "weight": 1.0}])
    with pytest.raises(IdError, match="found the float 1.5; a float cannot hold a 64-bit id"):
        open_rows(tmp_path / "c.avro")


def open_rows(path: Path) -> int:
    return sum(batch.num_rows for batch in open_source(path, ReadRequest("connections")).batches)


def test_a_bomb_is_told_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = record("Row", ("note", "string"))
    for codec in CODECS[1:]:
        path = write(tmp_path / "a.avro", schema, [{"note": "a" * 4_000_000}], codec)
        assert path.stat().st_size < 8_000
        monkeypatch.setenv("GRAPHLAB_READ_LIMIT", "1MB")
        with pytest.raises(ReadError, match=r"a.avro: a block would take 1,0\d\d,\d\d\d bytes of memory"):
            read_columns(path)
        monkeypatch.delenv("GRAPHLAB_READ_LIMIT")
        assert len(read_columns(path)["note"][0].as_py()) == 4_000_000


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (record("Row"), "its records are empty"),
        (record("Row", ("a", "null")), "its records are empty"),
        (record("Row", ("a", {"type": "array", "items": "null"}), ("b", "long")), "lists of nothing"),
        (record("Row", ("a", {"type": "array", "items": record("In", ("x", "null"))})), "lists of nothing"),
        ("long", "its schema is no record"),
    ],
)
def test_values_of_no_bytes_are_refused(tmp_path: Path, schema: Any, told: str) -> None:
    """A block may say that it holds 2^60 of them."""
    with pytest.raises(ReadError, match=told):
        open_columns(write(tmp_path / "a.avro", schema, []))


def test_a_schema_that_repeats_itself(tmp_path: Path) -> None:
    tree = record("Tree", ("value", "long"), ("next", ["null", "Tree"]))
    rows = [{"value": 1, "next": {"value": 2, "next": None}}]
    found = read_columns(write(tmp_path / "a.avro", tree, rows))
    assert found.to_pylist() == [{"value": 1, "next": '{"value": 2, "next": null}'}]
    kind: Any = "long"
    for depth in range(16):
        kind = record(f"R{depth}", ("a", kind), ("b", f"R{depth - 1}" if depth else "long"))
    with pytest.raises(ReadError, match=r"its schema has more than 10,000 columns"):
        open_columns(write(tmp_path / "b.avro", kind, []))


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_damage_is_one_error(tmp_path: Path, codec: str) -> None:
    path = write(tmp_path / "a.avro", SCHEMA, synapses(0, 300), codec, sync_interval=2000)
    good, dice, told = path.read_bytes(), random.Random(3), []
    for size in (0, 3, 4, 40, len(good) // 2, len(good) - 1):
        path.write_bytes(good[:size])
        with pytest.raises(GraphlabError, match=r"a.avro"):
            read(path)
    for _ in range(60):
        data = bytearray(good)
        for _ in range(dice.choice([1, 3, 30])):
            data[dice.randrange(len(data))] = dice.randrange(256)
        path.write_bytes(data)
        try:
            read(path)
        except GraphlabError as error:
            told.append(str(error))
    assert len(told) > 20
    assert all("a.avro" in message for message in told)


def test_a_packing_that_is_not_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.avro", SCHEMA, synapses(0, 3))
    path.write_bytes(path.read_bytes().replace(b"\x08null", b"\x08lz99"))
    with pytest.raises(ReadError, match=r"a.avro is packed by lz99, which is not read here; wanted one of null"):
        read(path)
    found = BytesIO()
    fastavro.writer(found, SCHEMA, [])
    path.write_bytes(found.getvalue())
    assert read(path).num_rows == 0


def test_without_fastavro(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.avro", SCHEMA, synapses(0, 3))
    monkeypatch.setitem(sys.modules, "fastavro", None)
    with pytest.raises(ImportError, match=r"this needs fastavro, .*graphlab-connectome\[avro\]"):
        open_columns(path)
