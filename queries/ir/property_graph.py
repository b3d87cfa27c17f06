"""Property graphs: which tables are vertices and edges, under which labels and property names.

Tests: tests/queries/planning/test_bind.py.
"""

from __future__ import annotations

from dataclasses import dataclass

from ingest.schema.errors import SchemaError
from ingest.schema.words import FUNCTIONAL_KINDS, KINDS


@dataclass(frozen=True)
class Derived:
    """A property that is no column: an expression over the row ``{row}`` and, for texts, a bound ``{value}``."""

    name: str
    type: str
    """DuckDB type."""
    sql: str
    value: str | None = None


@dataclass(frozen=True)
class Membership:
    """Properties named after texts that another table holds: true where the row belongs to that text."""

    names: str
    """SELECT of the texts."""
    sql: str
    """Truth value over ``{row}`` and ``{value}``."""


@dataclass(frozen=True)
class Partial:
    """A column in which a row may hold only a part of what the graph knows."""

    column: str
    whole: str
    """SELECT of a truth value: whether the rows hold all of it."""
    message: str
    hint: str


@dataclass(frozen=True)
class VertexTable:
    """A table or view whose rows are vertices, told apart by one key column."""

    table: str
    key: str
    labels: tuple[str, ...]
    properties: tuple[str, ...] | None = None
    """Columns that may be read; None for all."""
    aliases: tuple[tuple[str, str], ...] = ()
    """Other names of columns, as (alias, column)."""
    only: tuple[tuple[str, str], ...] = ()
    """Rows of the table that belong, as (column, text value), all of them equal."""
    derived: tuple[Derived, ...] = ()
    membership: Membership | None = None

    def __post_init__(self) -> None:
        if not self.labels:
            raise SchemaError(f"vertex table {self.table} has no label")


@dataclass(frozen=True)
class EdgeTable:
    """A table or view whose rows are edges between two vertex tables."""

    table: str
    source_key: str
    source: str
    """Name of the vertex table the source key refers to."""
    target_key: str
    target: str
    labels: tuple[str, ...]
    key: tuple[str, ...] = ()
    """Columns that tell two rows apart; () means the row's own number (base tables only)."""
    properties: tuple[str, ...] | None = None
    aliases: tuple[tuple[str, str], ...] = ()
    only: tuple[tuple[str, str], ...] = ()
    by_name: bool = False
    """True: matched only where its label is written; an edge without a label skips it."""
    complete: bool = False
    """True: the store guarantees that both ends are rows of their vertex tables."""
    single: bool = False
    """True: at most one row for an ordered pair of vertices."""
    derived: tuple[Derived, ...] = ()
    partial: tuple[Partial, ...] = ()

    def __post_init__(self) -> None:
        if not self.labels:
            raise SchemaError(f"edge table {self.table} has no label")


@dataclass(frozen=True)
class PropertyGraph:
    """A named set of vertex and edge tables. Labels are compared without regard to case, as SQL names are.

    Raises:
        SchemaError: two vertex tables of one label, an edge table that refers to no vertex table.
    """

    name: str
    vertex_tables: tuple[VertexTable, ...]
    edge_tables: tuple[EdgeTable, ...]

    def __post_init__(self) -> None:
        if not self.vertex_tables:
            raise SchemaError(f"property graph {self.name} has no vertex table")
        tables = {table.table.lower() for table in self.vertex_tables}
        if len(tables) < len(self.vertex_tables):
            raise SchemaError(f"property graph {self.name} names a vertex table twice")
        seen: set[str] = set()
        for vertex in self.vertex_tables:
            for label in vertex.labels:
                if label.lower() in seen:
                    raise SchemaError(f"property graph {self.name}: two vertex tables have the label {label!r}")
                seen.add(label.lower())
        for edge in self.edge_tables:
            for end in (edge.source, edge.target):
                if end.lower() not in tables:
                    known = ", ".join(table.table for table in self.vertex_tables)
                    raise SchemaError(
                        f"property graph {self.name}: edge table {edge.table} refers to {end}, "
                        f"which is not one of its vertex tables ({known})"
                    )

    def vertex_table(self, table: str) -> VertexTable:
        """The vertex table of that name (one of ours, checked when built)."""
        return next(v for v in self.vertex_tables if v.table.lower() == table.lower())

    def vertices_of(self, label: str) -> VertexTable | None:
        """The vertex table with that label."""
        wanted = label.lower()
        return next((v for v in self.vertex_tables if wanted in map(str.lower, v.labels)), None)

    def edges_of(self, label: str) -> tuple[EdgeTable, ...]:
        """The edge tables with that label; several may share one."""
        wanted = label.lower()
        return tuple(e for e in self.edge_tables if wanted in map(str.lower, e.labels))

    def vertex_labels(self) -> list[str]:
        return [label for table in self.vertex_tables for label in table.labels]

    def edge_labels(self) -> list[str]:
        return list(dict.fromkeys(label for table in self.edge_tables for label in table.labels))


# Aliases in these begin with "~", as no variable of a pattern does, so that {row} is always the row outside.
_ROI_OF_PAIR = Derived(
    "roiInfo",
    "VARCHAR",
    """coalesce((SELECT CAST(json_group_object("~r".neuropil, json_object('post', CAST("~r".weight AS BIGINT)))
    AS VARCHAR) FROM connections_by_neuropil AS "~r" WHERE "~r".pre_root_id = {row}.pre_root_id
    AND "~r".post_root_id = {row}.post_root_id AND "~r".kind = {row}.kind AND "~r".neuropil IS NOT NULL), '{{}}')""",
)
_ROI_OF_NEURON = Derived(
    "roiInfo",
    "VARCHAR",
    """coalesce((SELECT CAST(json_group_object("~s".neuropil, json_object('pre', CAST("~s".made AS BIGINT),
    'post', CAST("~s".got AS BIGINT))) AS VARCHAR) FROM (SELECT "~u".id, "~u".neuropil, sum("~u".made) AS made,
    sum("~u".got) AS got FROM (SELECT pre_root_id AS id, neuropil, weight AS made, 0 AS got, kind
    FROM connections_by_neuropil UNION ALL SELECT post_root_id, neuropil, 0, weight, kind
    FROM connections_by_neuropil) AS "~u" WHERE "~u".kind = 'chemical' AND "~u".neuropil IS NOT NULL
    GROUP BY "~u".id, "~u".neuropil) AS "~s" WHERE "~s".id = {row}.root_id), '{{}}')""",
)


def _summed(name: str, end: str) -> Derived:
    """Summed weight of a neuron's chemical connections, 0 without any."""
    sql = """coalesce((SELECT sum("~w".weight) FROM connections AS "~w"
    WHERE "~w".END = {row}.root_id AND "~w".kind = 'chemical'), 0)"""
    return Derived(name, "DOUBLE", sql.replace("END", end))


_REGION_FLAGS = Membership(
    "SELECT DISTINCT neuropil FROM connections_by_neuropil WHERE neuropil IS NOT NULL",
    """({row}.root_id IN (
    SELECT pre_root_id FROM connections_by_neuropil WHERE neuropil = {value} AND kind = 'chemical'
    UNION ALL SELECT post_root_id FROM connections_by_neuropil WHERE neuropil = {value} AND kind = 'chemical'))""",
)


_NEUROPIL_OF_PAIR = Partial(
    "neuropil",
    """SELECT count(*) = 0 FROM (SELECT 1 FROM connections_by_neuropil AS r JOIN connections AS c
    USING (pre_root_id, post_root_id, kind) WHERE c.neuropil IS DISTINCT FROM r.neuropil LIMIT 1)""",
    "an edge sums over neuropils, so it has no neuropil of its own",
    "Ask for edges of one neuropil each: (a)-[e:synapse_by_neuropil]->(b), weight then counts that neuropil alone.",
)


PART_OF_CONNECTIONS = "connections_in_compartments"
"""The relation of what connections have in some compartments, which whoever hands a source over may put in it."""


def _connections(labels: tuple[str, ...], kind: str | None, by_name: bool, part: bool = False) -> EdgeTable:
    return EdgeTable(
        table=PART_OF_CONNECTIONS if part else "connections",
        source_key="pre_root_id",
        source="neurons",
        target_key="post_root_id",
        target="neurons",
        labels=labels,
        key=("pre_root_id", "post_root_id", "kind"),
        aliases=(("bodyId_pre", "pre_root_id"), ("bodyId_post", "post_root_id")),
        only=() if kind is None else (("kind", kind),),
        by_name=by_name,
        complete=True,
        single=kind is not None,
        # What neuPrint asks of its own edges: JSON of the neuropils, and a count that no source here has.
        derived=(*(() if part else (_ROI_OF_PAIR,)), Derived("weightHP", "DOUBLE", "CAST(NULL AS DOUBLE)")),
        partial=() if part else (_NEUROPIL_OF_PAIR,),
    )


FUNCTIONAL_EDGES = "functional_edges"
"""The relation of functional edges, which whoever hands a source over may put in it."""


def _functional(labels: tuple[str, ...], kind: str, by_name: bool) -> EdgeTable:
    return EdgeTable(
        table=FUNCTIONAL_EDGES,
        source_key="pre_root_id",
        source="neurons",
        target_key="post_root_id",
        target="neurons",
        labels=labels,
        key=("pre_root_id", "post_root_id", "kind"),
        only=(("kind", kind),),
        by_name=by_name,
        single=True,
    )


BY_NEUROPIL = "edge_by_neuropil"
"""Label of the edges that an edge without a label means, one for each of their neuropils."""


def _by_neuropil(label: str, kind: str) -> EdgeTable:
    return EdgeTable(
        table="connections_by_neuropil",
        source_key="pre_root_id",
        source="neurons",
        target_key="post_root_id",
        target="neurons",
        labels=(label,),
        key=("pre_root_id", "post_root_id", "neuropil", "kind"),
        only=(("kind", kind),),
        by_name=True,
    )


def _edges(labels: tuple[str, ...], kind: str, by_name: bool, part: bool) -> EdgeTable:
    if kind in FUNCTIONAL_KINDS:
        return _functional(labels, kind, by_name)
    return _connections(labels, kind, by_name, part)


NEURONS = VertexTable(
    "neurons",
    "root_id",
    ("neuron", "segment"),
    aliases=(
        ("bodyId", "root_id"),
        ("type", "cell_type"),
        ("instance", "name"),
        ("class", "super_class"),
        ("nt", "nt_type"),
        ("superclass", "super_class"),
        ("somaSide", "side"),
        ("predictedNt", "nt_type"),
        ("consensusNt", "nt_type"),
        ("pre", "total_out"),
        ("post", "total_in"),
        ("upstream", "total_in"),
        ("downstream", "total_out"),
    ),
    derived=(_ROI_OF_NEURON, _summed("weight_in", "post_root_id"), _summed("weight_out", "pre_root_id")),
    membership=_REGION_FLAGS,
)


def connectome(kind: str = "chemical", part: bool = False) -> PropertyGraph:
    """The graph of a folder with the edges of ``kind`` as those that an edge means whose label says nothing else.

    Args:
        part: synaptic edges are those of ``PART_OF_CONNECTIONS``; what pairs have in a neuropil is not known of them.
    """
    by_neuropil: tuple[EdgeTable, ...] = () if part else (_by_neuropil("synapse_by_neuropil", "chemical"),)
    if not part and kind in KINDS:
        by_neuropil += (_by_neuropil(BY_NEUROPIL, kind),)
    return PropertyGraph(
        "connectome",
        (NEURONS,),
        (
            # An edge means this kind unless a label says otherwise, so the other labels must be written.
            _edges(("synapse", "ConnectsTo"), kind, by_name=False, part=part),
            *(_edges((other,), other, by_name=True, part=part) for other in (*KINDS, *FUNCTIONAL_KINDS)),
            _connections(("connection",), None, by_name=True, part=part),
            *by_neuropil,
        ),
    )


CONNECTOME = connectome()
"""The graph every graph folder has: neurons, and one edge a connected pair.

Labels of edges: ``synapse`` (also ``ConnectsTo``, ``chemical``), ``electrical``, ``extrasynaptic``,
``connection`` for all three, and ``synapse_by_neuropil``, one chemical edge a neuropil; ``response``, ``correlation``
and ``lagged_predictive`` are functional edges, never several kinds in one label. A column that has the name
of an alias is read where the two hold the same or only one holds values; otherwise that name is refused. A computed
property is never hidden by a column, which is then read as ``neurons.roiInfo``. ``weight_in`` and ``weight_out``
of a neuron are summed chemical weights.
``roiInfo`` (JSON text) and, for neurons, a truth value named after each neuropil come from
``connections_by_neuropil``; synapses are counted as connections count them.
"""
