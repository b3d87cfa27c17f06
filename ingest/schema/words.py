"""The words of the project, one home each: every table, its columns, types, units and meaning.

Readers yield Arrow batches in these words; the store creates its tables from them; languages and
reports look names up here. Nothing else in the tree spells out a column list.
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
class Column:
    """One column: its name says the unit, ``required`` whether a source must bring it."""

    name: str
    type: pa.DataType
    about: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """One table in our words. Sources may bring further columns of their own where ``open`` is true."""

    name: str
    about: str
    columns: tuple[Column, ...]
    open: bool = True

    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    def column(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise UnknownNameError(f"column of {self.name}", name, self.names())

    def required(self) -> list[str]:
        return [column.name for column in self.columns if column.required]


NEURONS = Table(
    "neurons",
    "One row a neuron (or fragment, see in_graph).",
    (
        Column("root_id", ID, "segment id of the neuron at the graph's materialization", required=True),
        Column("name", TEXT, "the neuron's own name, as in C. elegans (AVAL)"),
        Column("cell_type", TEXT, "finest type label"),
        Column("super_class", TEXT, "coarse class (FlyWire super_class, neuPrint class)"),
        Column("side", TEXT, "left, right or center"),
        Column("nt_type", TEXT, "predicted or known neurotransmitter"),
        Column("nt_confidence", pa.float64(), "confidence of nt_type, 0 to 1"),
        Column("neuropil", TEXT, "main neuropil"),
        Column("x_nm", NM, "soma or representative point"),
        Column("y_nm", NM, "soma or representative point"),
        Column("z_nm", NM, "soma or representative point"),
        Column("status_axon", TEXT, "proofreading status of the axon"),
        Column("status_dendrite", TEXT, "proofreading status of the dendrite"),
        Column("in_graph", pa.bool_(), "false for fragments and unproofread partners"),
        Column("total_in", pa.float64(), "synapses received, before any filter"),
        Column("total_out", pa.float64(), "synapses made, before any filter"),
    ),
)

SYNAPSES = Table(
    "synapses",
    "One row a pre-post contact. A polyadic site is several rows that share presynapse_id.",
    (
        Column("synapse_id", ID, "unique in the graph; numbered by row where the source has none"),
        Column("pre_root_id", ID, "presynaptic neuron", required=True),
        Column("post_root_id", ID, "postsynaptic neuron", required=True),
        Column("x_nm", NM, "centre of the contact"),
        Column("y_nm", NM, "centre of the contact"),
        Column("z_nm", NM, "centre of the contact"),
        Column("score", pa.float64(), "detection confidence, in the source's own scale"),
        Column("neuropil", TEXT, "neuropil of the contact"),
        Column("size", pa.float64(), "size in the source's own unit (voxels, nm3, sections)"),
        Column("weight", pa.float64(), "how much one row counts; 1 where the source has no number"),
        Column("presynapse_id", ID, "release site shared by the rows of one polyadic synapse"),
        Column("kind", TEXT, "chemical, electrical or extrasynaptic"),
    ),
)

CONNECTIONS = Table(
    "connections",
    "One row an ordered pair and kind, unique on (pre_root_id, post_root_id, kind).",
    (
        Column("pre_root_id", ID, "presynaptic neuron", required=True),
        Column("post_root_id", ID, "postsynaptic neuron", required=True),
        Column("weight", pa.float64(), "synapse count unless the recipe says otherwise", required=True),
        Column("kind", TEXT, "chemical, electrical or extrasynaptic"),
        Column("neuropil", TEXT, "where the counted synapses lie; goes to connections_by_neuropil"),
        Column("nt_type", TEXT, "neurotransmitter of the pair, as Codex gives it"),
    ),
)

EMBEDDINGS = Table(
    "embeddings",
    "One row an embedded skeleton node.",
    (
        Column("root_id", ID, "segment the node lies in", required=True),
        Column("node_id", ID, "node number within the segment", required=True),
        Column("x_nm", pa.float32(), "centre of the embedded crop", required=True),
        Column("y_nm", pa.float32(), "centre of the embedded crop", required=True),
        Column("z_nm", pa.float32(), "centre of the embedded crop", required=True),
        Column("vector", pa.list_(pa.float32()), "the embedding, fixed width per model", required=True),
    ),
    open=False,
)

TABLES = {table.name: table for table in (NEURONS, SYNAPSES, CONNECTIONS, EMBEDDINGS)}


def table(name: str) -> Table:
    """The table called ``name``; UnknownNameError with the nearest names otherwise."""
    if name not in TABLES:
        raise UnknownNameError("table", name, TABLES)
    return TABLES[name]
