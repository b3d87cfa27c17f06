"""What arrives from a reader, on its way into a table: numbered rows, names set aside, progress told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphlab.store.database import first_row, quote
from graphlab.store.names import GraphNames
from graphlab.store.sources.keeping import Keeping
from ingest.columns import NAMED
from ingest.reader import Reading
from ingest.running.progress import Progress
from ingest.schema.errors import IdError, SchemaError
from ingest.schema.ids import RootIds
from ingest.schema.words import table as words

ALIKE = {"connections": ("connections_left_out",)}
APART = {"connections": ("pre_compartment", "post_compartment")}
"""Columns that a table's rows bring and its own rows do not keep: they are those of a partition beside it."""
INTEGERS = {f"{sign}{size}" for sign in ("", "U") for size in ("TINYINT", "SMALLINT", "INTEGER", "BIGINT")}
FLOATS = {"FLOAT", "DOUBLE"}
EMPTY = '"NULL"'
"""DuckDB's type of a column that holds nothing."""
EXACT = 2**53
MOST_IDS = 1 << 27
"""Of synapses, in memory at a time: 1 GB."""
NAME_COLUMNS = {"pre_name": "pre_root_id", "post_name": "post_root_id"}


class IncomingRows:
    """A reading registered with DuckDB as the relation ``arrivals``, to be scanned once.

    Adds ``arrival``, the 0-based number of the row in its source, and sets ``pre_name`` / ``post_name`` aside
    in ``names``: a neuron's name belongs to ``neurons``.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        table: str,
        source: str,
        reopen: Callable[[], Reading],
        reading: Reading,
        progress: Progress | None,
        keeping: Keeping | None = None,
    ) -> None:
        self.connection = connection
        self.source = source
        self.keeping = keeping
        self.first_id: int | None = None
        """Number of the first row, of synapses that are numbered as they come."""
        self._raw: list[pa.RecordBatch] = []
        self._reopen = reopen
        self.table = table
        self.rows = 0
        self.names: dict[int, str] = {}
        self.synapse_ids: list[RootIds] = []
        """synapse_id of every batch so far, 8 bytes a row; none where they are more than ``MOST_IDS``."""
        self.has_all_ids = True
        self.hashes_pairs = False
        self.pair_hashes: list[npt.NDArray[np.uint64]] = []
        """Of the pair of every row so far, where ``hashes_pairs`` was set."""
        self.left_out = 0
        """Rows that came and are not wanted: weights of 0, names of no neuron."""
        self._graph_names: GraphNames | None = None
        self._unknown_names: dict[str, int] = {}
        self._whole_into_floats: list[str] = []
        """Columns of whole numbers that the graph keeps as floats."""
        self._failure: BaseException | None = None
        self._reading = reading
        self._progress = progress
        self.columns = _column_names(reading.schema, table)

    def __enter__(self) -> IncomingRows:
        fields = [
            pa.field(self.columns[field.name], field.type)
            for field in self._reading.schema
            if field.name not in NAME_COLUMNS
        ]
        self.schema = pa.schema([*fields, pa.field("arrival", pa.int64())])
        self._add_columns()
        if self._reading.by_name:
            self._graph_names = GraphNames(self.connection)
        self._register()
        return self

    def _register(self) -> None:
        reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        self.connection.register("arrivals", reader)

    def again(self) -> None:
        """Read the source once more, so that ``arrivals`` can be scanned a second time."""
        self._reading = self._reopen()
        self.rows = self.left_out = 0
        self._raw.clear()
        self.synapse_ids.clear()
        self.has_all_ids = True
        self.pair_hashes.clear()
        self._register()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with suppress(duckdb.Error):  # an aborted transaction takes no statement but ROLLBACK
            self.connection.unregister("arrivals")
        if error is not None and self._failure is not None:
            # DuckDB wraps what a scanned stream raises; people get the reader's own words.
            raise self._failure from None
        if isinstance(error, duckdb.ConversionException):
            message = str(error).splitlines()[0]
            raise SchemaError(f"{self.source}: a value does not fit its column in the graph: {message}") from None

    def selected(self, skip: tuple[str, ...] = ()) -> list[str]:
        """Quoted names of the columns that go into the table, ``arrival`` and ``skip`` left out."""
        return [quote(name) for name in self.schema.names if name != "arrival" and name not in skip]

    def rows_with(self, column: str, value: int, at_most: int = 2) -> list[int]:
        """1-based rows of the source that hold ``value``: reads it again, for an error message."""
        rows, before = [], 0
        reading = self._reopen()
        for batch in reading.batches:
            indices = pc.indices_nonzero(
                pc.equal(batch.column(column), pa.scalar(value, batch.schema.field(column).type))
            )
            rows += [reading.source_row(before + int(index)) for index in indices.to_pylist()]
            before += batch.num_rows
            if len(rows) >= at_most:
                break
        return rows[:at_most]

    def first_row_with(self, column: str, values: pa.Array) -> tuple[int, int]:
        """The first 1-based row of the source that holds one of ``values``, and which; (0, 0) without one."""
        before = 0
        reading = self._reopen()
        for batch in reading.batches:
            index = pc.index(pc.is_in(batch.column(column), values), pa.scalar(True)).as_py()
            if index >= 0:
                return reading.source_row(before + index), int(batch.column(column)[index].as_py())
            before += batch.num_rows
        return 0, 0

    def source_row(self, arrival: int) -> int:
        """1-based row of the source that came as number ``arrival``."""
        return self._reading.source_row(arrival)

    def has(self, column: str) -> bool:
        return column in self.schema.names

    def keep_arrived(self) -> None:
        """Keep the rows of the temporary table ``arrived``, before anything is done to them."""
        if self.keeping is not None and self.keeping.rows:
            self.connection.execute(f"CREATE OR REPLACE TABLE {self.keeping.table('rows')} AS FROM arrived")

    def keep_rest(self) -> None:
        """Keep what is kept once every row has come: rows as they were read, ids of synapses, names."""
        kept, connection = self.keeping, self.connection
        if kept is None:
            return
        if kept.raw:
            rows = pa.Table.from_batches(self._raw, self._reading.schema).rename_columns(
                [self.columns[name] for name in self._reading.schema.names]
            )
            kept.keep(connection, "rows", rows.append_column("arrival", pa.array(range(rows.num_rows), pa.int64())))
        elif self.names:
            ids, names = pa.array(list(self.names), pa.uint64()), pa.array(self.names.values(), pa.string())
            kept.keep(connection, "names", pa.table({"root_id": ids, "name": names}))

    def types(self) -> dict[str, str]:
        """Columns that came, as the graph calls them -> their type in DuckDB."""
        schema = pa.schema([pa.field(self.columns[field.name], field.type) for field in self._reading.schema])
        self.connection.register("arriving", schema.empty_table())
        described = self.connection.execute("DESCRIBE SELECT * FROM arriving").fetchall()
        self.connection.unregister("arriving")
        return {str(row[0]): str(row[1]) for row in described}

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self._reading.batches:
                if batch.num_rows:
                    yield self._arrive(batch)
                    if self._progress:
                        self._progress(self.rows, self._reading.rows or 0)
        except BaseException as error:
            self._failure = error
            raise

    def _arrive(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self.keeping is not None and self.keeping.raw:
            self._raw.append(batch)
        batch = self._find_by_name(batch)
        self._set_names_aside(batch)
        arrays = [batch.column(f.name) for f in self._reading.schema if f.name not in NAME_COLUMNS]
        self._refuse_rounded(arrays)
        arrays.append(pa.array(np.arange(self.rows, self.rows + batch.num_rows)))
        if self.table == "synapses" and self.has("synapse_id"):
            self._collect_ids(batch.column("synapse_id").to_numpy(zero_copy_only=False))
        if self.hashes_pairs:
            self.pair_hashes.append(_hashes_of_pairs(batch))
        self.rows += batch.num_rows
        return self._of_known_names(pa.RecordBatch.from_arrays(arrays, schema=self.schema))

    def _collect_ids(self, ids: RootIds) -> None:
        self.has_all_ids = self.has_all_ids and (self._keeps_ids() or self.rows + len(ids) <= MOST_IDS)
        if self.has_all_ids:
            self.synapse_ids.append(ids)
        else:
            self.synapse_ids.clear()

    def _keeps_ids(self) -> bool:
        return self.keeping is not None and self.keeping.ids

    def _find_by_name(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give rows that name neurons the ids which those neurons have in the graph."""
        for column in self._reading.by_name:
            if self._graph_names is not None and column in batch.schema.names:
                names, made = batch.column(NAMED[column]), batch.column(column)
                at = batch.schema.get_field_index(column)
                batch = batch.set_column(at, column, self._graph_names.ids_of(self.source, names, made))
        return batch

    def _of_known_names(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Neurons of a table without ids; it makes no new ones where those of the graph have ids of their own."""
        known = self._graph_names
        if self.table != "neurons" or known is None or not known.ids_are_their_own:
            return batch
        names = batch.column("name").to_pylist()
        there = np.array([name in known for name in names], dtype=bool)
        for name in (name for name, present in zip(names, there, strict=True) if not present):
            self._unknown_names[name] = self._unknown_names.get(name, 0) + 1
        return batch.filter(pa.array(there))

    def names_left_out(self) -> list[str]:
        """What became of names that no neuron has.

        Raises:
            SchemaError: no row of the source named a neuron of the graph.
        """
        if not self._unknown_names:
            return []
        count, example = sum(self._unknown_names.values()), next(iter(self._unknown_names))
        reason = f"name no neuron of the graph, {example!r} for example; without ids they make none"
        if count == self.rows:
            raise SchemaError(f"{self.source}: all {count:,} rows {reason}. Give the table a column root_id")
        self.left_out += count
        return [f"{count:,} rows {reason} and were left out"]

    def _refuse_rounded(self, arrays: list[pa.Array]) -> None:
        for name in self._whole_into_floats:
            values = arrays[self.schema.get_field_index(name)]
            far = pc.greater_equal(pc.abs(values.cast(pa.float64(), safe=False)), float(EXACT))
            at = pc.index(far, True).as_py()
            if at >= 0:
                raise SchemaError(
                    f"{self.source}, row {self.source_row(self.rows + at)}: {name} is {values[at]}; the graph has "
                    "decimals there, which would round it. Rename the column in the source"
                )

    def _set_names_aside(self, batch: pa.RecordBatch) -> None:
        for name, identifier in NAME_COLUMNS.items():
            if name not in batch.schema.names:
                continue
            pairs = pa.table({"id": batch.column(identifier), "name": batch.column(name)})
            for row in pairs.filter(pc.is_valid(pairs["name"])).group_by(["id", "name"]).aggregate([]).to_pylist():
                known = self.names.setdefault(row["id"], row["name"])
                if known != row["name"]:
                    raise IdError(
                        f"{self.source}: the id {row['id']} has two names, {known!r} and {row['name']!r}; "
                        f"keep one of them"
                    )

    def _add_columns(self) -> None:
        """Give the table the columns that only this source has."""
        present = {
            str(row[0]).lower(): str(row[1]) for row in self.connection.execute(f"DESCRIBE {self.table}").fetchall()
        }
        self.connection.register("arriving", self.schema.empty_table())
        described = self.connection.execute("DESCRIBE SELECT * FROM arriving").fetchall()
        self.connection.unregister("arriving")
        for name, kind, *_ in described:
            if name == "arrival" or name in APART.get(self.table, ()):
                continue
            kind = "VARCHAR" if kind.startswith("ENUM") else kind
            into = present.get(name.lower())
            if into is None:
                for table in (self.table, *ALIKE.get(self.table, ())):
                    column = f"{quote(name)} {'VARCHAR' if kind == EMPTY else kind}"
                    self.connection.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
            elif kind not in (EMPTY, into):
                self._fit(name, kind, into)
            if into is not None:
                make_real(self.connection, self.table, name)

    def _fit(self, name: str, kind: str, into: str) -> None:
        """Let a column of the graph take values of another type where no value changes by it.

        Raises:
            SchemaError: it would round, or be text on one side only.
        """
        if name in words(self.table).names():
            return  # words of ours have their type from the reader
        tables = (self.table, *ALIKE.get(self.table, ()))
        column = quote(name)
        stored = sum(first_row(self.connection, f"SELECT count({column}) FROM {table}")[0] for table in tables)
        wider = kind if not stored else _wider(kind, into)
        if wider == "DOUBLE" and stored and into in INTEGERS:
            rounded = f"SELECT count(*) FROM {{}} WHERE abs(CAST({column} AS HUGEINT)) > {EXACT}"
            if any(first_row(self.connection, rounded.format(table))[0] for table in tables):
                wider = None
        if wider is None:
            raise SchemaError(
                f"{self.source}: the column {name!r} is {kind} in this source and {into} in the graph; "
                "rename it in the source, or give both sources the same kind of values"
            )
        if wider == "DOUBLE" and kind in INTEGERS:
            self._whole_into_floats.append(name)
        if wider != into:
            for table in tables:
                self.connection.execute(f"ALTER TABLE {table} ALTER COLUMN {column} TYPE {wider}")


def _hashes_of_pairs(batch: pa.RecordBatch) -> npt.NDArray[np.uint64]:
    """64 bits of each (pre, post); of one pre, no two post have the same."""
    pre, post = (batch.column(side).to_numpy(zero_copy_only=False) for side in ("pre_root_id", "post_root_id"))
    hashes: npt.NDArray[np.uint64] = pre * np.uint64(0x9E3779B97F4A7C15)
    hashes ^= hashes >> np.uint64(29)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(32)
    hashes += post
    return hashes


def is_virtual(connection: duckdb.DuckDBPyConnection, table: str, column: str, called: str | None = None) -> bool:
    """Whether ``column`` is one of our words that no source has brought yet; see the first migration.

    Args:
        called: what the table is called in the database, where that is not ``table``.
    """
    row = first_row(
        connection,
        "SELECT count(*) FROM duckdb_columns() WHERE NOT internal AND table_name = ? AND lower(column_name) = ? "
        "AND column_default IS NOT NULL",
        [called or table, column.lower()],
    )
    return table == "synapses" and bool(row[0])


def make_real(connection: duckdb.DuckDBPyConnection, table: str, column: str, called: str | None = None) -> None:
    """Give a virtual column a place for values; rows that are there keep what it said: null, kind chemical."""
    if not is_virtual(connection, table, column, called):
        return
    name = quote(called or table)
    word = words(table).column(column.lower()).name
    kind = next(row[1] for row in connection.execute(f"DESCRIBE {name}").fetchall() if row[0] == word)
    filled = " DEFAULT 'chemical'" if word == "kind" else ""
    connection.execute(f"ALTER TABLE {name} DROP COLUMN {quote(word)}")
    connection.execute(f"ALTER TABLE {name} ADD COLUMN {quote(word)} {kind}{filled}")
    if filled:
        connection.execute(f"ALTER TABLE {name} ALTER COLUMN {quote(word)} DROP DEFAULT")


def _wider(kind: str, into: str) -> str | None:
    """The type of a column ``into`` that takes values of ``kind``, too, with no change to any; None without one."""
    both = {kind, into}
    if both <= INTEGERS:
        unsigned = {name for name in both if name.startswith("U")}
        # Values that do not fit either 64-bit type are refused when they come.
        return "UBIGINT" if unsigned == both else into if "UBIGINT" in both else "BIGINT"
    if both <= {*INTEGERS, *FLOATS}:
        return "DOUBLE"
    # As text, a truth value would be spelt otherwise than in its source.
    return "VARCHAR" if into == "VARCHAR" and kind != "BOOLEAN" else None


def _column_names(schema: pa.Schema, table: str) -> dict[str, str]:
    """Source column -> table column. SQL ignores case, so ``Weight`` beside ``weight`` gets a name of its own."""
    result: dict[str, str] = {}
    taken = {"arrival"}
    own = [name for name in schema.names if name in words(table).names()]
    for name in [*own, *(other for other in schema.names if other not in own)]:
        column = name
        while column.lower() in taken or (column not in own and column.lower() in words(table).names()):
            column += "_source"
        taken.add(column.lower())
        result[name] = column
    return result
