"""Synapses as nodes of the property graph, as neuPrint has them, and the node that describes the data set.

A contact is one row of ``synapses``. It is a ``Synapse`` of type "post" of its own, and one of type "pre" that it
shares with the contacts of the same release site (``presynapse_id``) where the source names those. The contacts of one
pair of neurons make two of ``SynapseSet``, one of each type. The relations are made by whoever hands a source over.

Tests: tests/graphlab/store/test_neuprint_views.py.
"""

from __future__ import annotations

from queries.ir.property_graph import Derived, EdgeTable, Membership, VertexTable

SITES, SETS, SITES_OF_SETS, SETS_OF_NEURONS = "synapse_sites", "synapse_sets", "sites_of_sets", "sets_of_neurons"
SET_PAIRS, SITE_PAIRS, DATASET = "synapse_set_pairs", "synapse_site_pairs", "dataset"
RELATIONS = (SITES, SETS, SITES_OF_SETS, SETS_OF_NEURONS, SET_PAIRS, SITE_PAIRS, DATASET)

SYNAPSE_SITES = VertexTable(
    SITES,
    "site",
    ("Synapse",),
    properties=("site", "type", "confidence", "x_nm", "y_nm", "z_nm", "bodyId"),
    derived=(
        Derived(
            "location",
            "STRUCT(x DOUBLE, y DOUBLE, z DOUBLE)",
            "CASE WHEN {row}.x_nm IS NOT NULL THEN struct_pack(x := {row}.x_nm, y := {row}.y_nm, z := {row}.z_nm) END",
            listed=True,
            reads=("x_nm", "y_nm", "z_nm"),
        ),
    ),
    membership=Membership(
        "SELECT DISTINCT neuropil FROM synapses WHERE neuropil IS NOT NULL",
        # A place that is not in the neuropil has no such property.
        "nullif(list_contains({row}.neuropils, {value}), FALSE)",
        """CASE WHEN len({row}.neuropils) = 0 THEN CAST('{{}}' AS JSON) ELSE to_json(map_from_entries(list_transform(
        {row}.neuropils, lambda "~n": struct_pack(k := "~n", v := TRUE)))) END""",
    ),
    by_name=True,
)
SYNAPSE_SETS = VertexTable(SETS, "set", ("SynapseSet",), by_name=True)
META = VertexTable(DATASET, "node", ("Meta",), by_name=True)


def _joined(
    table: str, label: str, source: tuple[str, str], target: tuple[str, str], properties: tuple[str, ...] = ()
) -> EdgeTable:
    return EdgeTable(
        table,
        source[0],
        source[1],
        target[0],
        target[1],
        (label,),
        key=(source[0], target[0]),
        properties=(source[0], target[0], *properties),
        by_name=True,
        single=True,
    )


SYNAPSE_EDGES = (
    _joined(SETS_OF_NEURONS, "Contains", ("bodyId", "neurons"), ("set", SETS)),
    _joined(SITES_OF_SETS, "Contains", ("set", SETS), ("site", SITES)),
    _joined(SET_PAIRS, "ConnectsTo", ("pre_set", SETS), ("post_set", SETS)),
    _joined(SITE_PAIRS, "SynapsesTo", ("pre_site", SITES), ("post_site", SITES)),
)
