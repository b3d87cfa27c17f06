"""Graph: the one object people hold. Every verb of the command line is one of its methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from graphlab.store import query_source, results, runs, tables
from graphlab.store.folder import Folder
from graphlab.store.information import GraphInfo, information
from graphlab.store.intake import IngestSummary, Policy, Progress
from graphlab.store.intake import ingest as ingest_source
from graphlab.store.recipe import Recipe
from graphlab.store.settle import settle
from graphlab.store.snapshots import snapshot as stored_snapshot
from ingest.reader import ReadRequest
from ingest.space import Resolution
from queries.snapshot import Snapshot

if TYPE_CHECKING:
    import igraph
    import networkx
    import pandas as pd
    import polars as pl
    import pyarrow as pa

    from graphlab.motifs.census import Census
    from graphlab.store.embedding_files import EmbeddingSet
    from queries.result import Result


class Graph:
    """A connectome in a folder: ingest, ask, count, report.

    >>> with Graph.create("worm") as graph:          # doctest: +SKIP
    ...     graph.ingest("edges.csv", as_="connections")
    ...     graph.census(3)
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    @classmethod
    def create(
        cls,
        path: str | Path,
        dataset: str | None = None,
        resolution: str | Sequence[float] | None = None,
        materialization: str | None = None,
    ) -> Graph:
        """A new graph folder.

        Args:
            resolution: nm per voxel XYZ (``"4,4,40"``), the default for sources with voxel positions.
            materialization: segmentation version that the root_ids belong to.
        """
        return cls(Folder.create(path, dataset, resolution, materialization))

    @classmethod
    def open(cls, path: str | Path, read_only: bool = False) -> Graph:
        """An existing graph; several read-only processes may share it, a writing one excludes all others."""
        return cls(Folder.open(path, read_only))

    def close(self) -> None:
        self._folder.close()

    def __enter__(self) -> Graph:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def path(self) -> Path:
        return self._folder.path

    def ingest(
        self,
        source: Any,
        as_: str,
        columns: str | Mapping[str, str] | None = None,
        resolution: str | Sequence[float] | None = None,
        keep: Mapping[str, Sequence[str]] | None = None,
        header: bool = True,
        kind: str | None = None,
        duplicates: str | None = None,
        unknown: str = "add",
        progress: Progress | None = None,
        **options: Any,
    ) -> IngestSummary:
        """Bring one source in, all of it or nothing; the same source again is a no-op.

        Args:
            source: a path, or a pandas, polars or pyarrow table.
            as_: neurons, synapses, connections or embeddings.
            columns: ``cave``, ``flywire``, ``codex``, ``neuprint``, or ours -> theirs; None for our own names.
            resolution: nm per voxel XYZ; the graph's own when absent.
            keep: source column -> values whose rows stay.
            kind: chemical (default), electrical or extrasynaptic.
            duplicates: sum, first or refuse; by default rows of one source are summed, a pair that an
                earlier source brought is refused.
            unknown: what becomes of neurons that only synapses or connections name: add, keep (out of the
                graph) or refuse.
            options: of a reader (``sheet``, ``variable``) or of embeddings (``model``, ``segmentation_version``).

        Raises:
            SchemaError, IdError, ReadError, VersionError: the graph is as it was before.
        """
        request = ReadRequest(
            as_=as_,
            columns=columns,
            resolution=Resolution.parse(resolution) if resolution is not None else None,
            keep={name: tuple(str(value) for value in values) for name, values in (keep or {}).items()},
            header=header,
            options=options,
        )
        return ingest_source(self._folder, source, request, Policy(kind, duplicates, unknown), progress)

    def info(self) -> GraphInfo:
        """Versions, counts, embeddings, recipe, and what to know before asking."""
        return information(self._folder)

    def set_recipe(self, min_score: float | None = None, merge_within_nm: float | None = None) -> GraphInfo:
        """Make the connections anew from the synapses, by this recipe; recorded in the graph."""
        recipe = Recipe(min_score, merge_within_nm)
        with self._folder.transaction() as connection:
            self._folder.set_meta("recipe", recipe.to_dict())
            settle(connection, recipe)
        return self.info()

    def query(
        self,
        text: str,
        language: str | None = None,
        engine: str = "auto",
        limit: int | None = None,
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> Result:
        """Ask: DuckDB SQL with GRAPH_TABLE patterns, read-only.

        Args:
            text: the question.
            language: by the text's own first words when absent.
            engine: auto, duckdb or csr.
            limit: at most so many rows, said in the result.
            parameters: values for ``$name``, bound, never pasted.

        Raises:
            ParseError: with line, column and the place underlined.
        """
        from queries.engine import run

        return run(
            text,
            query_source.query_source(self._folder),
            language=language,
            engine=engine,
            limit=limit,
            parameters=parameters,
            **options,
        )

    def snapshot(self, kind: str = "chemical", min_weight: float = 0.0) -> Snapshot:
        """The wiring as memory-mapped CSR arrays, autapses left out."""
        return stored_snapshot(self._folder, kind, min_weight)

    def neuron_values(self, snapshot: Snapshot, column: str) -> list[Any]:
        """A column of ``neurons`` in node order of ``snapshot``, None where unknown."""
        return tables.neuron_values(self._folder, snapshot, column)

    def census(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        by: str | None = None,
        **options: Any,
    ) -> Census:
        """Exact counts of every dyad, triad or tetrad class; recorded as a run when the graph is writable.

        Args:
            size: 2, 3 or 4.
            by: a column of ``neurons`` (cell_type, super_class): counts per group beside the whole.
        """
        import datetime

        from graphlab.motifs.census import census

        started = datetime.datetime.now(datetime.UTC)
        view = self.snapshot(kind, min_weight)
        labels = self.neuron_values(view, by) if by else None
        result = census(view, size, by=labels, **options)
        if not self._folder.read_only:
            parameters = {"size": size, "kind": kind, "min_weight": min_weight, "by": by}
            results.record_census(self._folder, result.to_arrow(), parameters, started)
        return result

    def rerun(self, run_id: str) -> results.Rerun:
        """Recompute a recorded result and compare: bytes for counts."""
        run = runs.get(self._folder, run_id)
        return results.rerun(self._folder, run, {"census": lambda p: self._census_table(**p)})

    def embeddings(self, model: str | None = None) -> EmbeddingSet:
        """Vectors of one model, memory-mapped; the model may be left out when there is one."""
        return query_source.embeddings(self._folder, model)

    def report(self, path: str | Path | None = None) -> Path:
        """Write the self-contained HTML report; ``reports/report.html`` in the graph when no path is given."""
        from graphlab.report import write_report

        return write_report(self, Path(path) if path else self.path / "reports" / "report.html")

    def create_property_graph(self, definition: str) -> str:
        """Keep a ``CREATE PROPERTY GRAPH`` statement in the graph's catalog; returns its name."""
        return query_source.create_property_graph(self._folder, definition)

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
        from graphlab.exchange import to_networkx

        return to_networkx(self.to_arrow("neurons"), self._connections(kind, min_weight))

    def to_igraph(self, kind: str = "chemical", min_weight: float = 0.0) -> igraph.Graph:
        """Vertices in root_id order with attribute ``root_id`` (text), edges with ``weight``; autapses included."""
        from graphlab.exchange import to_igraph

        return to_igraph(self.to_arrow("neurons"), self._connections(kind, min_weight))

    def _connections(self, kind: str, min_weight: float) -> pa.Table:
        return tables.connections(self._folder, kind, min_weight)

    def _census_table(self, size: int, kind: str, min_weight: float, by: str | None) -> pa.Table:
        from graphlab.motifs.census import census

        view = self.snapshot(kind, min_weight)
        return census(view, size, by=self.neuron_values(view, by) if by else None).to_arrow()

    def __repr__(self) -> str:
        counts = tables.row_counts(self._folder)
        version = self._folder.meta("materialization")
        return (
            f"<Graph "
            f"{self._folder.meta('dataset') or self.path.name}{f', materialization {version}' if version else ''}: "
            f"{counts['neurons']:,} neurons, {counts['connections']:,} connections, {counts['synapses']:,} synapses>"
        )
