"""The words of the project, one home each: every table, its columns, types, units and meaning.

Readers yield Arrow batches in these words; the store creates its tables from them; languages and
reports look names up here. Nothing else in the tree spells out a column list.

Tests: tests/ingest/schema/test_kinds.py.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from ingest.schema.errors import UnknownNameError

ID = pa.uint64()
NM = pa.float64()
TEXT = pa.string()
KINDS = ("chemical", "electrical", "extrasynaptic")
FUNCTIONAL_KINDS = ("response", "correlation", "lagged_predictive")
"""Kinds of functional edges; only ``response``, a measured perturbation, may be called causal."""


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column: its name says the unit, ``required`` whether a source must bring it."""

    name: str
    type: pa.DataType
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class TableSpec:
    """One table in our words. Sources may bring further columns of their own where ``open`` is true."""

    name: str
    about: str
    columns: tuple[ColumnSpec, ...]
    open: bool = True

    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def column(self, name: str) -> ColumnSpec:
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownNameError(f"column of {self.name}", name, self.names())

    def required(self) -> list[str]:
        return [column.name for column in self.columns if column.required]


NEURONS = TableSpec(
    "neurons",
    "One row a neuron (or fragment, see in_graph).",
    (
        ColumnSpec("root_id", ID, "segment id of the neuron at the graph's materialization", required=True),
        ColumnSpec("name", TEXT, "the neuron's own name, as in C. elegans (AVAL)"),
        ColumnSpec("cell_type", TEXT, "finest type label"),
        ColumnSpec("super_class", TEXT, "coarse class (FlyWire super_class, neuPrint class)"),
        ColumnSpec("side", TEXT, "left, right or center"),
        ColumnSpec("nt_type", TEXT, "predicted or known neurotransmitter"),
        ColumnSpec("nt_confidence", pa.float64(), "confidence of nt_type, 0 to 1"),
        ColumnSpec("neuropil", TEXT, "main neuropil"),
        ColumnSpec("x_nm", NM, "soma or representative point"),
        ColumnSpec("y_nm", NM, "soma or representative point"),
        ColumnSpec("z_nm", NM, "soma or representative point"),
        ColumnSpec("status_axon", TEXT, "proofreading status of the axon"),
        ColumnSpec("status_dendrite", TEXT, "proofreading status of the dendrite"),
        ColumnSpec("in_graph", pa.bool_(), "false for fragments and unproofread partners"),
        ColumnSpec("total_in", pa.float64(), "synapses received, before any filter"),
        ColumnSpec("total_out", pa.float64(), "synapses made, before any filter"),
    ),
)

SYNAPSES = TableSpec(
    "synapses",
    "One row a pre-post contact. A polyadic site is several rows that share presynapse_id.",
    (
        ColumnSpec("synapse_id", ID, "unique in the graph; numbered by row where the source has none"),
        ColumnSpec("pre_root_id", ID, "presynaptic neuron", required=True),
        ColumnSpec("post_root_id", ID, "postsynaptic neuron", required=True),
        ColumnSpec("x_nm", NM, "centre of the contact"),
        ColumnSpec("y_nm", NM, "centre of the contact"),
        ColumnSpec("z_nm", NM, "centre of the contact"),
        ColumnSpec("score", pa.float64(), "detection confidence, in the source's own scale"),
        ColumnSpec("neuropil", TEXT, "neuropil of the contact"),
        ColumnSpec("size", pa.float64(), "size in the source's own unit (voxels, nm3, sections)"),
        ColumnSpec("weight", pa.float64(), "how much one row counts; 1 where the source has no number"),
        ColumnSpec("presynapse_id", ID, "release site shared by the rows of one polyadic synapse"),
        ColumnSpec("kind", TEXT, "chemical, electrical or extrasynaptic"),
        ColumnSpec("pre_compartment", TEXT, "where on its presynaptic neuron it lies: axon, dendrite, soma, ..."),
        ColumnSpec("post_compartment", TEXT, "where on its postsynaptic neuron it lies"),
        ColumnSpec("pre_supervoxel_id", ID, "supervoxel of the presynaptic side"),
        ColumnSpec("post_supervoxel_id", ID, "supervoxel of the postsynaptic side"),
    ),
)

CONNECTIONS = TableSpec(
    "connections",
    "One row an ordered pair and kind, unique on (pre_root_id, post_root_id, kind).",
    (
        ColumnSpec("pre_root_id", ID, "presynaptic neuron", required=True),
        ColumnSpec("post_root_id", ID, "postsynaptic neuron", required=True),
        ColumnSpec("weight", pa.float64(), "synapse count unless the recipe says otherwise", required=True),
        ColumnSpec("kind", TEXT, "chemical, electrical or extrasynaptic"),
        ColumnSpec("neuropil", TEXT, "where the counted synapses lie; goes to connections_by_neuropil"),
        ColumnSpec("nt_type", TEXT, "neurotransmitter of the pair, as Codex gives it"),
        ColumnSpec("pre_compartment", TEXT, "where on the presynaptic neuron; goes to connections_by_compartment"),
        ColumnSpec("post_compartment", TEXT, "where on the postsynaptic neuron; goes to connections_by_compartment"),
    ),
)

SKELETONS = TableSpec(
    "skeletons",
    "One row a node of a neuron's skeleton.",
    (
        ColumnSpec("root_id", ID, "segment id of the neuron", required=True),
        ColumnSpec("node_id", ID, "node number within the skeleton", required=True),
        ColumnSpec("parent", ID, "node_id of the node that it hangs on; null at a root"),
        ColumnSpec("x_nm", NM, "place of the node", required=True),
        ColumnSpec("y_nm", NM, "place of the node", required=True),
        ColumnSpec("z_nm", NM, "place of the node", required=True),
        ColumnSpec("radius_nm", NM, "of the cable at the node; null where unknown"),
        ColumnSpec("compartment", TEXT, "axon, dendrite, soma, ...; null where unknown"),
    ),
    open=False,
)

EMBEDDINGS = TableSpec(
    "embeddings",
    "One row an embedded skeleton node.",
    (
        ColumnSpec("root_id", ID, "segment the node lies in", required=True),
        ColumnSpec("node_id", ID, "node number within the segment", required=True),
        ColumnSpec("x_nm", pa.float32(), "centre of the embedded crop", required=True),
        ColumnSpec("y_nm", pa.float32(), "centre of the embedded crop", required=True),
        ColumnSpec("z_nm", pa.float32(), "centre of the embedded crop", required=True),
        ColumnSpec("vector", pa.list_(pa.float32()), "the embedding, fixed width per model", required=True),
    ),
    open=False,
)

TABLES = {table.name: table for table in (NEURONS, SYNAPSES, CONNECTIONS, SKELETONS, EMBEDDINGS)}


def table(name: str) -> TableSpec:
    """The table called ``name``; UnknownNameError with the nearest names otherwise."""
    if name not in TABLES:
        raise UnknownNameError("table", name, TABLES)
    return TABLES[name]
