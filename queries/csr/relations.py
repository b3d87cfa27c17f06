"""Edges of a pattern as sorted adjacency lists, predicates applied; kept in the source while its tables hold.

Tests: tests/queries/csr/test_program.py, test_relations.py.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ingest.running.task_runners import runner_of
from queries.csr.lists import (
    Bytes,
    Numbers,
    Places,
    adjacency,
    array_of,
    falls,
    key_table,
    numbers_of,
    ranked,
    ranked_rows,
    sorted_pairs,
    turned,
    usable,
)
from queries.duckdb.executor import read
from queries.duckdb.writer import KEY, SOURCE, TARGET, Writer
from queries.ir.identifiers import quote
from queries.ir.pattern import Direction, Edge
from queries.ir.property_graph import VertexTable
from queries.planning.bound import BoundPattern
from queries.planning.columns import columns_of
from queries.planning.values import Values
from queries.source import Limits, Source

T = TypeVar("T")

KEPT_BYTES = 2**30
"""Arrays a source keeps between questions; the longest unused go first."""
PARALLEL = 200_000
"""Fewer rows are not worth a second thread."""
MOST_PIECES = 512
"""More of them are no pieces of a sorted table."""
_SHELF = threading.Lock()
"""Questions of several threads keep arrays of one graph."""
SEARCHED = 5_000
"""Rows whose keys are made in the time that one is searched for among keys that are made on the way."""
NO_MASK: Bytes = np.empty(0, np.uint8)
WHOLE_NUMBERS = {"UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT"}


@dataclass(frozen=True, eq=False)
class Vertices:
    """The vertices of a table, numbered by ascending key."""

    keys: npt.NDArray[Any]
    """[n] ascending, in the key's own type."""
    unique: bool
    bits: int

    @property
    def n(self) -> int:
        return len(self.keys)

    @cached_property
    def table(self) -> Numbers:
        """Numbers by key; made when rows are numbered, since planning asks for no more than ``unique``."""
        return key_table(_words(self.keys), self.bits)

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + (4 << self.bits)

    def numbers(self, keys: pa.ChunkedArray) -> Numbers:
        """Numbers of keys, -1 for nulls and keys that are not there; half of many by a thread of its own."""
        missing = np.asarray(keys.is_null()) if keys.null_count else None
        keys = keys.fill_null(0) if keys.null_count else keys
        words, table, numbers = _words(self.keys), self.table, np.empty(len(keys), np.int32)

        def fill(begin: int, end: int) -> None:  # piece by piece: one array of all keys would be another copy
            for chunk in keys.slice(begin, end - begin).chunks:
                if len(chunk):
                    wanted = _words(np.from_dlpack(chunk))
                    numbers_of(words, table, self.bits, wanted, numbers[begin : begin + len(chunk)])
                    begin += len(chunk)

        middle = len(keys) // 2
        cuts = [(0, len(keys))] if len(keys) <= PARALLEL else [(0, middle), (middle, len(keys))]
        for _ in runner_of(len(cuts)).map_tasks(lambda ends: fill(*ends), cuts):
            pass
        if missing is not None:
            numbers[missing] = -1
        return numbers


@dataclass(frozen=True, eq=False)
class EdgeRows:
    """Rows of an edge after its predicate, in no order: numbers of their ends, and the columns asked for."""

    source: Numbers
    target: Numbers
    columns: pa.Table | None

    @property
    def nbytes(self) -> int:
        return self.source.nbytes + self.target.nbytes + (self.columns.nbytes if self.columns is not None else 0)


@dataclass(frozen=True, eq=False)
class Relation:
    """The pairs of vertices that an edge may join, as lists of different targets."""

    n_source: int
    n_target: int
    start: Places
    targets: Numbers
    first: Places
    """[pairs + 1] where the rows of each pair begin in ``order``."""
    order: Numbers
    """[rows] places in the EdgeRows."""
    columns: pa.Table | None
    back: list[tuple[Places, Numbers]] = field(default_factory=list)
    ranks: list[tuple[Numbers, npt.NDArray[np.uint32], Numbers]] = field(default_factory=list)

    @property
    def pairs(self) -> int:
        return len(self.targets)

    @property
    def single(self) -> bool:
        """No pair has several rows."""
        return len(self.order) == self.pairs

    @property
    def nbytes(self) -> int:
        own = self.start.nbytes + 2 * self.targets.nbytes + self.first.nbytes + self.order.nbytes
        return own + 8 * self.n_target + 4 * self.pairs + 4 * self.n_source  # other direction, by rank

    def forward(self) -> tuple[Places, Numbers]:
        """(start, targets) of each source."""
        return self.start, self.targets

    def backward(self) -> tuple[Places, Numbers]:
        """(start, sources) of each target."""
        if not self.back:
            self.back.append(turned(self.start, self.targets, self.n_target))
        return self.back[0]

    def by_rank(self) -> tuple[Numbers, npt.NDArray[np.uint32], Numbers]:
        """Neighbours of higher rank; see lists.ranked."""
        if not self.ranks:
            self.ranks.append(ranked(*self.forward(), *self.backward()))
        return self.ranks[0]

    @cached_property
    def loops(self) -> bool:
        """Whether a vertex is joined to itself."""
        sources = np.repeat(np.arange(self.n_source, dtype=np.int32), np.diff(self.start))
        return bool(np.any(sources == self.targets))


@dataclass(frozen=True, eq=False)
class ByRank:
    """Neighbours of higher rank by degree, for what counts triangles; see lists.ranked_rows."""

    n: int
    first: Numbers
    entries: npt.NDArray[np.uint32]
    loops: bool

    @property
    def nbytes(self) -> int:
        return self.first.nbytes + self.entries.nbytes


class Relations:
    """Loads what one bound pattern needs."""

    def __init__(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any], limits: Limits) -> None:
        self.bound = bound
        self.source = source
        self.parameters = parameters
        self.limits = limits
        self._written: dict[Any, tuple[str, Values]] = {}

    def vertices(self, variable: str) -> Vertices:
        """The vertices a variable ranges over, predicate aside."""
        return vertices_of(self.source, self.bound.vertex_tables[variable], self.limits)

    def mask(self, variable: str) -> Bytes:
        """uint8 [n], 1 where the vertex meets its predicate; empty where it has none."""
        if self.bound.pattern.vertex(variable).predicate is None:
            return NO_MASK
        sql, values = self._mask_sql(variable)
        vertices = self.vertices(variable)

        def load() -> Bytes:
            table = self._read(sql, values)
            mask: Bytes = np.zeros(vertices.n, np.uint8)
            numbers = vertices.numbers(table.column(0))
            mask[numbers[numbers >= 0]] = 1
            return mask

        return self._kept(self._key("mask", sql, values, variable), load)

    def rows(self, edge: Edge, columns: Sequence[str] = (), key: bool = False, filtered: bool = True) -> EdgeRows:
        """Rows of an edge; ``key`` adds the column that tells rows apart."""
        sql, values = self._rows_sql(edge, columns, key, filtered)
        ends = self.vertices(edge.source), self.vertices(edge.target)

        def load() -> EdgeRows:
            table = self._read(sql, values)
            numbers = [v.numbers(table.column(i)) for i, v in enumerate(ends)]
            extra = table.select(table.column_names[2:]) if table.num_columns > 2 else None
            return pieces_in_order(numbers[0], numbers[1], extra)

        return self._kept(self._rows_key(edge, sql, values), load)

    def relation(
        self,
        edge: Edge,
        columns: Sequence[str] = (),
        key: bool = False,
        filtered: bool = True,
        loops: bool = True,
        masked: bool = True,
    ) -> Relation:
        """Adjacency lists of an edge between vertices that meet their predicates.

        Args:
            loops: keep autapses. masked: apply the predicates of the ends.
        """
        rows = self.rows(edge, columns, key, filtered)
        n_source, n_target = self.vertices(edge.source).n, self.vertices(edge.target).n
        # An autapse is one only where both numbers are of one table.
        one_table = self.bound.vertex_tables[edge.source].table == self.bound.vertex_tables[edge.target].table
        masks = (self.mask(edge.source), self.mask(edge.target)) if masked else (NO_MASK, NO_MASK)
        sql, values = self._rows_sql(edge, columns, key, filtered)
        parts: list[Any] = [self._rows_key(edge, sql, values), loops or not one_table]
        for end, mask in zip((edge.source, edge.target), masks, strict=True):
            parts.append(self._key("mask", *self._mask_sql(end), end) if len(mask) else "")

        def load() -> Relation:
            kept = usable(rows.source, rows.target, *masks, loops or not one_table)
            order = sorted_pairs(rows.source, rows.target, kept, n_source, n_target)
            start, targets, first = adjacency(rows.source, rows.target, order, n_source)
            return Relation(n_source, n_target, start, targets, first, order, rows.columns)

        return self._kept(None if None in parts else ("relation", *parts), load)

    def by_rank(self, edge: Edge) -> ByRank | None:
        """Lists for counting, of an edge between vertices of one table; None where a pair has several rows."""
        rows, n = self.rows(edge), self.vertices(edge.source).n
        masks = self.mask(edge.source), self.mask(edge.target)

        def load() -> ByRank | None:
            source, target = rows.source, rows.target
            if any(map(len, masks)):
                there = usable(source, target, *masks, True)
                source, target = source[there], target[there]
            lists = ranked_rows(source, target, n)
            return None if lists is None else ByRank(n, *lists)

        return self._kept(self.rank_key(edge), load)

    def rank_key(self, edge: Edge) -> Any:
        """Edges of one key have the same by_rank(); None where values cannot be compared."""
        parts = [self._rows_key(edge, *self._rows_sql(edge, (), False, True))]
        for end in (edge.source, edge.target):
            masked = self.bound.pattern.vertex(end).predicate is not None
            parts.append(self._key("mask", *self._mask_sql(end), end) if masked else "")
        return None if None in parts else ("by rank", *parts)

    def holds(self, edge: Edge) -> bool:
        """Whether the rows of an edge are kept already."""
        key = self._rows_key(edge, *self._rows_sql(edge, (), False, True))
        return key is not None and key in self.source.cache.get("csr", ())

    # -- SQL --

    def _rows_sql(self, edge: Edge, columns: Sequence[str], key: bool, filtered: bool) -> tuple[str, Values]:
        asked = (edge.variable, tuple(columns), key, filtered)
        if asked not in self._written:
            self._written[asked] = self._write_rows(edge, columns, key, filtered)
        return self._written[asked]

    def _write_rows(self, edge: Edge, columns: Sequence[str], key: bool, filtered: bool) -> tuple[str, Values]:
        values = Values(self.parameters)
        writer = Writer(self.bound, values)
        rows = writer.edge_rows(edge, columns, key, filtered)
        names = [SOURCE, TARGET, *map(quote, columns), *([KEY] if key else [])]
        return f"SELECT {', '.join(names)} FROM ({rows})", values

    def _mask_sql(self, variable: str) -> tuple[str, Values]:
        values = Values(self.parameters)
        writer = Writer(self.bound, values)
        table = self.bound.vertex_tables[variable]
        name = f"{writer.alias(variable)}.{quote(table.key)}"
        writer.ids[variable] = name
        predicate = self.bound.pattern.vertex(variable).predicate
        conditions = writer.only(table, writer.alias(variable))
        if predicate is not None:
            conditions.append(writer.sql(predicate))
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"SELECT {name} FROM {quote(table.table)} AS {writer.alias(variable)}{where}", values

    def _read(self, sql: str, values: Values) -> pa.Table:
        return read(self.source.connection, sql, values.all(sql), self.limits)[0]

    # -- what is kept --

    def _rows_key(self, edge: Edge, sql: str, values: Values) -> Any:
        key = self._key("rows", sql, values, edge.variable)
        tables = (self.bound.vertex_tables[edge.source], self.bound.vertex_tables[edge.target])
        return None if key is None else (*key, *((t.table, t.key, t.only) for t in tables))

    def _key(self, kind: str, sql: str, values: Values, variable: str) -> Any:
        """What the text reads, whatever the variable is called; None where a value cannot be compared."""
        text = re.sub(rf"(?<!\.){re.escape(self.bound.alias(variable))}", '"~"', sql)
        bound = values.all(sql)
        bindings = []
        for name in sorted(bound):
            value = tuple(bound[name]) if isinstance(bound[name], list) else bound[name]
            if type(value) not in (int, float, str, bool, tuple, type(None)):
                return None
            bindings.append((name, type(value).__name__, value))
        return (kind, text, tuple(bindings))

    def _kept(self, key: Any, load: Callable[[], T]) -> T:
        return kept(self.source, key, load)


def pieces_in_order(source: Numbers, target: Numbers, columns: pa.Table | None) -> EdgeRows:
    """The rows, with sorted pieces of them by the first pair of each.

    A table of connections lies sorted, and DuckDB hands over pieces of it in the order in which its threads come by. In
    the table's own order nothing has to be sorted, and each array is gone through from one end to the other.
    """
    fallen = falls(source, target, MOST_PIECES - 2)
    if fallen is None or not len(fallen):
        return EdgeRows(source, target, None if columns is None else columns.combine_chunks())
    width = int(target.max(initial=0)) + 2

    def key(rows: Any) -> Any:
        return source[rows].astype(np.int64) * width + target[rows]

    found, begin = 0, np.append(0, fallen)
    while len(begin) < MOST_PIECES and len(begin) != found:  # until no piece begins inside of another
        found, firsts, cuts = len(begin), np.sort(key(begin)), [begin]
        for b, e in zip(begin, np.append(begin[1:], len(source)), strict=True):
            inside = firsts[np.searchsorted(firsts, key(b), "right") : np.searchsorted(firsts, key(e - 1), "right")]
            if len(inside) * SEARCHED > e - b:
                cuts.append(b + np.searchsorted(key(slice(b, e)), inside))
            elif len(inside):
                cuts.append(b + np.array([bisect_left(range(b, e), one, key=key) for one in inside]))
        begin = np.array(sorted({*np.concatenate(cuts).tolist()}))  # np.unique imports masked arrays
    if len(begin) < MOST_PIECES:
        end = np.append(begin[1:], len(source))
        pieces = [(begin[i], end[i]) for i in np.argsort(key(begin), kind="stable")]
        source, target = (np.concatenate([values[b:e] for b, e in pieces]) for values in (source, target))
        if columns is not None:
            columns = pa.concat_tables([columns.slice(b, e - b) for b, e in pieces])
    return EdgeRows(source, target, None if columns is None else columns.combine_chunks())


def numbered(
    bound: BoundPattern, edge: Edge, source: Source, parameters: Mapping[str, Any], most: int
) -> EdgeRows | None:
    """All rows of an edge, predicate aside; None for several tables, other keys, any direction, or over ``most``."""
    tables = bound.edge_tables[edge.variable]
    ends = bound.vertex_tables[edge.source], bound.vertex_tables[edge.target]
    if len(tables) != 1 or edge.direction is not Direction.RIGHT or bound.derived or ends[0] != ends[1]:
        return None
    table = tables[0]
    if (table.source.lower(), table.target.lower()) != (ends[0].table.lower(), ends[1].table.lower()):
        return None
    types = columns_of(source, table.table)
    kinds = {types[table.source_key], types[table.target_key], columns_of(source, ends[0].table)[ends[0].key]}
    if len(kinds) != 1 or not kinds <= WHOLE_NUMBERS:
        return None
    if source.connection.execute(f"SELECT count(*) FROM {quote(table.table)}").fetchall()[0][0] > most:
        return None
    return Relations(bound, source, parameters, Limits()).rows(edge, filtered=False)


def kept(source: Source, key: Any, load: Callable[[], T]) -> T:
    """What is kept under ``key`` (nothing under None), loaded where it is not."""
    shelf: OrderedDict[Any, Any] = source.cache.setdefault("csr", OrderedDict())
    with _SHELF:
        if key is not None and key in shelf:
            shelf.move_to_end(key)
            known: T = shelf[key]
            return known
    value = load()
    if key is None:
        return value
    with _SHELF:
        shelf[key] = value
        while sum(one.nbytes for one in shelf.values() if one is not None) > KEPT_BYTES and len(shelf) > 1:
            shelf.popitem(last=False)
    return value


def vertices_of(source: Source, table: VertexTable, limits: Limits) -> Vertices:
    """The numbered vertices of a table."""

    def load() -> Vertices:
        where = "".join(
            f" {'AND' if i else 'WHERE'} {quote(column)} = $only{i}" for i, (column, _) in enumerate(table.only)
        )
        values = {f"only{i}": value for i, (_, value) in enumerate(table.only)}
        sql = f"SELECT {quote(table.key)} FROM {quote(table.table)}{where}"
        ids = read(source.connection, sql, values, limits)[0].column(0)
        ids = ids.drop_null() if ids.null_count else ids  # which loads all that pyarrow computes
        keys, unique = np.array(array_of(ids)), True  # a copy of its own, which kernels know by being writeable
        if not np.all(keys[1:] > keys[:-1]):  # the store keeps them in order
            keys = np.sort(keys)
            unique = not bool(np.any(keys[1:] == keys[:-1]))
            keys = keys if unique else np.unique(keys)
        bits = max(4, int(2 * max(len(keys), 1) - 1).bit_length())
        return Vertices(keys, unique, bits)

    return kept(source, ("vertices", table.table, table.key, table.only), load)


def _words(keys: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    """Whole numbers as 64-bit words, equal where the numbers are."""
    if keys.dtype == np.uint64:
        return np.ascontiguousarray(keys)
    if np.issubdtype(keys.dtype, np.unsignedinteger):
        return keys.astype(np.uint64)
    return keys.astype(np.int64).view(np.uint64)
