"""Verbs that hand the graph to other libraries.

Tests: tests/graphlab/verbs/motifs/test_namespace.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphlab.store import tables
from graphlab.verbs.open_graph import OpenGraph

if TYPE_CHECKING:
    import igraph
    import networkx
    import pandas as pd
    import polars as pl
    import pyarrow as pa


class ExportVerbs(OpenGraph):
    """Whole tables and graphs in the forms colleagues expect."""

    def to_arrow(self, table: str = "connections") -> pa.Table:
        """A whole table, ids unsigned 64-bit."""
        return tables.whole_table(self._folder, table)

    def to_pandas(self, table: str = "connections") -> pd.DataFrame:
        """A whole table, ids int64 as in CAVEclient, fafbseg and neuprint-python; IdError past 2^63."""
        from queries.result import to_pandas

        return to_pandas(self.to_arrow(table))

    def to_polars(self, table: str = "connections") -> pl.DataFrame:
        """A whole table, ids UInt64."""
        from queries.result import to_polars

        return to_polars(self.to_arrow(table))

    def to_networkx(self, kind: str = "chemical", min_weight: float = 0.0) -> networkx.DiGraph:
        """Neurons by root_id with their columns, connections with ``weight``; autapses included."""
        from graphlab.exchange.networks import to_networkx

        return to_networkx(self.to_arrow("neurons"), self._connections(kind, min_weight))

    def to_igraph(self, kind: str = "chemical", min_weight: float = 0.0) -> igraph.Graph:
        """Vertices in root_id order with attribute ``root_id`` (text), edges with ``weight``; autapses included."""
        from graphlab.exchange.networks import to_igraph

        return to_igraph(self.to_arrow("neurons"), self._connections(kind, min_weight))

    def _connections(self, kind: str, min_weight: float) -> pa.Table:
        return tables.connections(self._folder, kind, min_weight)
