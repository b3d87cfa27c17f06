"""The property graph that every graph folder has: neurons, their connections, and the synapses as nodes.

Tests: tests/queries/planning/test_bind.py.
"""

from __future__ import annotations

from ingest.schema.words import FUNCTIONAL_KINDS, KINDS
from queries.ir.property_graph import Derived, EdgeTable, Membership, Partial, PropertyGraph, VertexTable
from queries.ir.synapse_nodes import META, SYNAPSE_EDGES, SYNAPSE_SETS, SYNAPSE_SITES

# Aliases in these begin with "~", as no variable of a pattern does, so that {row} is always the row outside.
_ROI_OF_PAIR = Derived(
    "roiInfo",
    "VARCHAR",
    """coalesce((SELECT CAST(json_group_object("~r".neuropil, json_object('post', CAST("~r".weight AS BIGINT)))
    AS VARCHAR) FROM connections_by_neuropil AS "~r" WHERE "~r".pre_root_id = {row}.pre_root_id
    AND "~r".post_root_id = {row}.post_root_id AND "~r".kind = {row}.kind AND "~r".neuropil IS NOT NULL), '{{}}')""",
    listed=True,
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
    listed=True,
)
_PLACE = Derived(
    "somaLocation",
    "STRUCT(x DOUBLE, y DOUBLE, z DOUBLE)",
    "CASE WHEN {row}.x_nm IS NOT NULL THEN struct_pack(x := {row}.x_nm, y := {row}.y_nm, z := {row}.z_nm) END",
    listed=True,
    reads=("x_nm", "y_nm", "z_nm"),
    yields=True,
)
# Few data sets have it beside `status`, and neuprint-python asks for it wherever it asks for that.
_NO_LABEL = Derived("statusLabel", "VARCHAR", "CAST(NULL AS VARCHAR)", yields=True)


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
    """coalesce((SELECT json_group_object("~n".neuropil, TRUE) FROM (SELECT DISTINCT neuropil
    FROM connections_by_neuropil WHERE kind = 'chemical' AND neuropil IS NOT NULL
    AND (pre_root_id = {row}.root_id OR post_root_id = {row}.root_id)) AS "~n"), CAST('{{}}' AS JSON))""",
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


def _connections(
    labels: tuple[str, ...], kind: str | None, by_name: bool, default: str, part: bool = False
) -> EdgeTable:
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
        shown=_type_of_pair(default),
    )


def _type_of_pair(default: str) -> Derived:
    """ConnectsTo for the kind that an edge means whose label says nothing else; the kind for others."""
    return Derived("type", "VARCHAR", "CASE {row}.kind WHEN {value} THEN 'ConnectsTo' ELSE {row}.kind END", default)


FUNCTIONAL_EDGES = "functional_edges"
"""The relation of functional edges, which whoever hands a source over may put in it."""


def _functional(labels: tuple[str, ...], kind: str, by_name: bool, default: str) -> EdgeTable:
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
        shown=_type_of_pair(default),
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


def _edges(labels: tuple[str, ...], kind: str, by_name: bool, default: str, part: bool) -> EdgeTable:
    if kind in FUNCTIONAL_KINDS:
        return _functional(labels, kind, by_name, default)
    return _connections(labels, kind, by_name, default, part)


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
    derived=(
        _ROI_OF_NEURON,
        _summed("weight_in", "post_root_id"),
        _summed("weight_out", "pre_root_id"),
        _PLACE,
        _NO_LABEL,
    ),
    membership=_REGION_FLAGS,
    shown=("Neuron", "Segment"),
)


_NO_ELEMENTS = "a graph holds neurons, connections and synapses, but no mitochondria or other elements of a cell"


def connectome(kind: str = "chemical", part: bool = False, dataset: str | None = None) -> PropertyGraph:
    """The graph of a folder with the edges of ``kind`` as those that an edge means whose label says nothing else.

    Args:
        part: synaptic edges are those of ``PART_OF_CONNECTIONS``; what pairs have in a neuropil is not known of them,
            and synapses, which are whole, are no nodes beside them.
        dataset: its name, which may stand before the label of a vertex; any word may where it has none.
    """
    by_neuropil: tuple[EdgeTable, ...] = () if part else (_by_neuropil("synapse_by_neuropil", "chemical"),)
    if not part and kind in KINDS:
        by_neuropil += (_by_neuropil(BY_NEUROPIL, kind),)
    return PropertyGraph(
        "connectome",
        (NEURONS, META) if part else (NEURONS, SYNAPSE_SITES, SYNAPSE_SETS, META),
        (
            # An edge means this kind unless a label says otherwise, so the other labels must be written.
            _edges(("synapse", "ConnectsTo"), kind, False, kind, part),
            *(_edges((other,), other, True, kind, part) for other in (*KINDS, *FUNCTIONAL_KINDS)),
            _connections(("connection",), None, True, kind, part),
            *by_neuropil,
            *(() if part else SYNAPSE_EDGES),
        ),
        dataset,
        prefixed=True,
        missing=tuple((label, _NO_ELEMENTS) for label in ("Element", "ElementSet", "CloseTo")),
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
