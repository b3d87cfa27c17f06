"""The verb that compares two graphs by what they call their neurons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlab.verbs.everyday.connections import ConnectionVerbs
from ingest.schema.errors import SchemaError, VersionError

if TYPE_CHECKING:
    from queries.result import Result

COMPARED = """
SELECT coalesce(a.pre, b.pre) AS pre, coalesce(a.post, b.post) AS post,
       a.weight AS weight, b.weight AS weight_other, coalesce(b.weight, 0) - coalesce(a.weight, 0) AS difference,
       coalesce(a.connections, 0) AS connections, coalesce(b.connections, 0) AS connections_other,
       CASE WHEN b.weight IS NULL AND NOT (a.pre IN (FROM there) AND a.post IN (FROM there)) THEN 'only here'
            WHEN a.weight IS NULL AND NOT (b.pre IN (FROM here) AND b.post IN (FROM here)) THEN 'only there'
            WHEN a.weight IS NULL THEN 'gained' WHEN b.weight IS NULL THEN 'lost'
            WHEN a.weight = b.weight THEN 'unchanged' ELSE 'changed' END AS change
FROM ours a FULL OUTER JOIN theirs b ON a.pre = b.pre AND a.post = b.post
ORDER BY abs(difference) DESC, pre, post"""
CHANGES = ("gained", "lost", "changed", "unchanged", "only here", "only there")


class CompareVerbs(ConnectionVerbs):
    """This graph beside another one."""

    def compare(
        self,
        other: ConnectionVerbs,
        *,
        by: str = "name",
        kind: str = "chemical",
        min_weight: float = 0.0,
        unchanged: bool = False,
    ) -> Result:
        """Connections that another graph has gained, lost and changed, neurons matched by a column.

        Args:
            other: an open graph, or a subset of one.
            by: ``name``, ``cell_type`` or another column of both; neurons that share a value are summed. ``root_id``
                where both are of one materialization.
            min_weight: weaker connections are no connections, in either graph.
            unchanged: also those of equal weight.

        Returns:
            ``<by>_pre``, ``<by>_post``, weight, weight_other (null where there is none), difference (other - this),
            connections, connections_other int64, change: gained, lost, changed, [unchanged,] or ``only here`` and
            ``only there`` where a neuron of the connection is in one of the graphs alone, so that it could not be lost
            or gained. Largest differences first; notes count every change and what could not be compared.

        Raises:
            SchemaError: values of two kinds. VersionError: root_ids of two materializations.
        """
        from dataclasses import replace

        import pyarrow.compute as pc

        from graphlab.store.database import arrow

        if not isinstance(other, ConnectionVerbs):
            raise SchemaError(f"compare takes an open graph, from Graph.open(path); found {type(other).__name__}")
        _require_column(by)
        versions = [graph.folder.meta("materialization") for graph in (self, other)]
        if by == "root_id" and versions[0] != versions[1]:
            raise VersionError(
                f"root_ids of materialization {versions[0]} and {versions[1]} are of different neurons; compare by name"
            )
        found = [graph.adjacency([by], kind=kind, min_weight=min_weight) for graph in (self, other)]
        tables = [result.to_arrow().rename_columns(["pre", "post", "connections", "weight"]) for result in found]
        if tables[0].schema.field("pre").type != tables[1].schema.field("pre").type:
            kinds = " here and ".join(str(table.schema.field("pre").type) for table in tables)
            raise SchemaError(f"{by} is {kinds} in the other graph; compare by a column of one kind")
        labels = [_labels(graph, by) for graph in (self, other)]
        named = [table.filter(pc.and_(pc.is_valid(table["pre"]), pc.is_valid(table["post"]))) for table in tables]
        cursor = self.folder.cursor()
        for name, table in zip(("ours", "theirs", "here", "there"), [*named, *(one[0] for one in labels)], strict=True):
            cursor.register(name, table)
        rows = arrow(cursor, COMPARED)
        counted = dict(zip(*_counted(rows), strict=True))
        notes = [", ".join(f"{counted[name]:,} {name}" for name in CHANGES if counted.get(name)) or "no connections"]
        for where, table, kept, (_, shared, unknown) in zip(("here", "there"), tables, named, labels, strict=True):
            if shared:
                notes.append(f"{where}, {shared:,} values of {by} are shared by several neurons, which are summed")
            if len(table) > len(kept):
                left = pc.sum(table["connections"]).as_py() - (pc.sum(kept["connections"]).as_py() or 0)
                notes.append(f"{where}, {left:,} connections of {unknown:,} neurons without {by} are not compared")
        if not unchanged:
            rows = rows.filter(pc.not_equal(rows["change"], "unchanged"))
        rows = rows.rename_columns([f"{by}_pre", f"{by}_post", *rows.column_names[2:]])
        return replace(found[0], table=rows, patterns=(), notes=tuple(notes))


def _require_column(by: Any) -> None:
    if not isinstance(by, str) or by in ("neuron", "neuropil"):
        raise SchemaError(f"by is {by!r}; wanted one column of neurons, such as name, cell_type or root_id")


def _counted(rows: Any) -> tuple[list[str], list[int]]:
    counts = rows["change"].combine_chunks().value_counts() if len(rows) else []
    return [one["values"].as_py() for one in counts], [one["counts"].as_py() for one in counts]


def _labels(graph: ConnectionVerbs, by: str) -> tuple[Any, int, int]:
    """The values of a column among the neurons of a graph, how many are shared, how many neurons have none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from queries.ir.connectome import NEURONS

    own = graph.neurons().to_arrow()  # type: ignore[attr-defined]
    column = by if by in own.column_names else dict(NEURONS.aliases).get(by, by)
    values = own.filter(own["in_graph"])[column]
    counts = values.drop_null().combine_chunks().value_counts()
    distinct = pa.table({"label": counts.field("values")})
    shared = int(pc.sum(pc.greater(counts.field("counts"), 1)).as_py() or 0)
    return distinct, shared, values.null_count
