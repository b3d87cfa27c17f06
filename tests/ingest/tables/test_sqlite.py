"""SQLite: a table by its columns or its name, values as they are, and the file is left as it was."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.reader import Reading, ReadRequest
from ingest.schema.errors import GraphlabError, IdError, ReadError, SchemaError, UnknownNameError
from ingest.tables import open_source

Read = Callable[..., pa.Table]
IDS = [720575940596125868, 720575940597856265, 2**53 + 1]
EDGES = "CREATE TABLE edges (pre_root_id INTEGER, post_root_id INTEGER, weight REAL)"


def database(path: Path, *statements: str | tuple[str, list[Any]]) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            if isinstance(statement, str):
                connection.execute(statement)
            else:
                connection.executemany(*statement)
    return path


def influence(path: Path) -> Path:
    """The two tables of InfluenceCalculator; ids are text, as R keeps 64-bit integers."""
    edges = [(str(IDS[0]), str(IDS[1]), 8, 0.5, 16), (str(IDS[1]), str(IDS[2]), 3, 0.25, 12)]
    return database(
        path,
        "CREATE TABLE meta (root_id TEXT, cell_type TEXT, super_class TEXT, top_nt TEXT)",
        ("INSERT INTO meta VALUES (?, ?, ?, ?)", [(str(root), "Mi1", "central", "acetylcholine") for root in IDS]),
        "CREATE TABLE edgelist_simple (pre TEXT, post TEXT, count INTEGER, norm REAL, post_count INTEGER)",
        ("INSERT INTO edgelist_simple VALUES (?, ?, ?, ?, ?)", edges),
    )


def test_the_layout_of_influence_calculator(read: Read, opened: Callable[..., Reading], tmp_path: Path) -> None:
    path = influence(tmp_path / "banc.sqlite")
    before = path.read_bytes()
    edges = read(path, columns="banc")
    assert edges["pre_root_id"].to_pylist() == IDS[:2]
    assert edges["post_root_id"].to_pylist() == IDS[1:]
    assert edges["weight"].to_pylist() == [8.0, 3.0]
    neurons = read(path, "neurons", columns="banc")
    assert neurons["root_id"].to_pylist() == IDS
    assert neurons["nt_type"].to_pylist() == ["acetylcholine"] * 3
    assert "read the table 'edgelist_simple'; not read: meta" in opened(path, "connections", columns="banc").notes
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["banc.sqlite"]


def test_which_table(read: Read, tmp_path: Path) -> None:
    rows = [(IDS[0], IDS[1], 1.0)]
    path = database(
        tmp_path / "a.db", EDGES, EDGES.replace("edges", '"my ""other"""'), "CREATE VIEW v AS SELECT * FROM edges",
        ("INSERT INTO edges VALUES (?, ?, ?)", rows), ('INSERT INTO "my ""other""" VALUES (?, ?, ?)', rows * 2),
    )  # fmt: skip
    with pytest.raises(SchemaError, match=r"2 tables have the columns that connections need; choose one with --option"):
        read(path)
    assert read(path, options={"table": 'my "other"'}).num_rows == 2
    assert read(path, options={"table": "edges"}).num_rows == 1
    with pytest.raises(UnknownNameError, match="table of .*a.db 'edgs'; did you mean 'edges'"):
        read(path, options={"table": "edgs"})
    with pytest.raises(UnknownNameError, match="'v'"):
        read(path, options={"table": "v"})
    with pytest.raises(SchemaError, match="no table has the columns that neurons need; .*Found: edges"):
        read(path, "neurons")
    alone = database(tmp_path / "b.db", "CREATE TABLE edges (a INTEGER, b INTEGER)")
    with pytest.raises(SchemaError, match="need the columns pre_root_id, post_root_id, weight; found a, b"):
        read(alone)
    with pytest.raises(SchemaError, match="Found: no table"):
        read(database(tmp_path / "c.db", "CREATE VIEW v AS SELECT 1 AS root_id"))


@settings(deadline=None, max_examples=60)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(1, 2**63 - 1),
            st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False)),
            st.one_of(st.none(), st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_values_are_as_sqlite_gives_them(rows: list[tuple[Any, ...]], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = database(
        tmp_path_factory.mktemp("sqlite") / "a.db",
        "CREATE TABLE neurons (root_id, measure, lab)",
        ("INSERT INTO neurons VALUES (?, ?, ?)", rows),
    )
    reading = open_source(path, ReadRequest("neurons"))
    found = pa.Table.from_batches(list(reading.batches), reading.schema)
    assert reading.rows == len(rows)
    assert found["root_id"].to_pylist() == [row[0] for row in rows]
    measures, wanted = found["measure"].to_pylist(), [row[1] for row in rows]
    if pa.types.is_string(found.schema.field("measure").type):  # a float would round some of the whole numbers
        wanted = [None if value is None else repr(value) for value in wanted]
    assert measures == wanted
    assert found["lab"].to_pylist() == [(row[2].strip() or None) if row[2] else None for row in rows]


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (1.5, IdError, "row 1, column 'pre_root_id': found the float 1.5"),
        (7.2e17, IdError, "found the float"),
        (-4, IdError, "found -4; ids are integers from 0"),
        (None, SchemaError, "the cell is empty"),
        ("7.2e17", IdError, "a float cannot hold a 64-bit id"),
        ("AVAL", IdError, "For neurons with names say --columns pre_name=pre_root_id"),
        (b"\x01\x02", IdError, "found binary"),
    ],
)
def test_ids_that_are_none(read: Read, tmp_path: Path, value: Any, error: type[GraphlabError], told: str) -> None:
    path = database(
        tmp_path / "a.db", "CREATE TABLE edges (pre_root_id, post_root_id, weight)",
        ("INSERT INTO edges VALUES (?, ?, ?)", [(value, 2, 1.0)]),
    )  # fmt: skip
    with pytest.raises(error, match=told):
        read(path)


def test_columns_of_several_kinds(read: Read, tmp_path: Path) -> None:
    insert = "INSERT INTO edges VALUES (?, ?, ?, ?)"
    made = "CREATE TABLE edges (pre_root_id, post_root_id, weight, note)"
    path = database(tmp_path / "a.db", made, (insert, [(1, 2, 1, "a"), (2, 3, 1.5, 7), (3, 4, "2", None)]))
    found = read(path)
    assert found["weight"].to_pylist() == [1.0, 1.5, 2.0]
    assert found["note"].to_pylist() == ["a", "7", None]
    path = database(tmp_path / "b.db", made, (insert, [(1, 2, 1, b"a"), (2, 3, 1.5, 7)]))
    with pytest.raises(SchemaError, match="the column 'note' holds bytes and other values"):
        read(path)


def test_changes_that_are_not_in_it_yet(read: Read, tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = wal")
        writer.execute(EDGES)
        writer.execute("INSERT INTO edges VALUES (1, 2, 3)")
        writer.commit()
        with pytest.raises(ReadError, match=r"a.db-wal beside it holds changes that are not in it yet"):
            read(path)
    assert read(path).num_rows == 1
    assert [item.name for item in tmp_path.iterdir()] == ["a.db"]


def test_a_value_made_of_nothing_is_bounded(read: Read, tmp_path: Path) -> None:
    made = "zeroblob(20000000)"
    path = database(
        tmp_path / "a.db", f"CREATE TABLE edges (pre_root_id, post_root_id, weight, big AS ({made}))",
        "INSERT INTO edges VALUES (1, 2, 3)",
    )  # fmt: skip
    with pytest.raises(ReadError, match=r"a.db: this is no whole SQLite database .*too big"):
        read(path)


def test_files_that_are_none(read: Read, tmp_path: Path) -> None:
    (tmp_path / "a.sqlite").write_bytes(b"no database at all, but long enough")
    with pytest.raises(ReadError, match="is no SQLite database, whatever its name says"):
        read(tmp_path / "a.sqlite")
    (tmp_path / "b.sqlite").write_bytes(b"")
    with pytest.raises(ReadError, match="is empty"):
        read(tmp_path / "b.sqlite")


def test_damage_is_one_error(read: Read, tmp_path: Path) -> None:
    rows = [(i, i + 1, float(i)) for i in range(1, 3000)]
    path = database(tmp_path / "a.db", EDGES, ("INSERT INTO edges VALUES (?, ?, ?)", rows))
    good, dice, told = path.read_bytes(), random.Random(1), []
    for number in range(40):
        data = bytearray(good[: dice.randrange(20, len(good))] if number % 2 else good)
        for _ in range(dice.choice([0, 4, 40])):
            data[dice.randrange(20, len(data))] = dice.randrange(256)
        path.write_bytes(data)
        try:
            read(path)
        except GraphlabError as error:
            told.append(str(error))
    assert len(told) > 15
    assert all("a.db" in message for message in told)
