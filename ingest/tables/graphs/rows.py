"""Nodes and edges of a graph, of whatever library, as rows of neurons, synapses or connections.

Tests: tests/ingest/tables/graphs/test_objects.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingest.columnar.files import BATCH_ROWS
from ingest.reader import Reading, ReadRequest
from ingest.schema.errors import IdError, SchemaError, UnknownNameError, did_you_mean
from ingest.tables.assemble import UNWEIGHTED, assemble
from ingest.tables.types.cells import column_of, empty
from ingest.tables.types.labels import NUMBERS, checked_labels, numbered

IDS, UNDIRECTED = "ids", "undirected"
OPTIONS = (IDS, UNDIRECTED, UNWEIGHTED)
WORDS = ("columns", "resolution", "keep")
OWN = ("root_id", "name", "pre_root_id", "post_root_id", "pre_name", "post_name")
"""Columns that the nodes themselves make."""


@dataclass(frozen=True)
class Nodes:
    """Vertices and edges with what each library keeps beside them."""

    keys: Sequence[Any] | None
    """What a node is called, one each; None where they have numbers only."""
    count: int
    about: dict[str, list[Any]]
    """Attribute -> its value for each node, None where it has none."""
    ends: tuple[Sequence[int], Sequence[int]]
    """Positions of the nodes that each edge leaves and enters."""
    edges: dict[str, list[Any]]
    """Attribute -> its value for each edge."""
    directed: bool


def read_graph(source: str, graph: Nodes, request: ReadRequest) -> Reading:
    """Rows of a graph's edges, or of its nodes.

    Raises:
        SchemaError: an undirected graph of which nobody says what it means, nodes without labels. IdError: floats.
    """
    said = request.options.get(UNDIRECTED)
    if said not in (None, "both"):
        raise UnknownNameError(f"value of the option {UNDIRECTED}", str(said), ("both",))
    if said is not None and (graph.directed or request.as_ == "neurons"):
        raise SchemaError(f"{source}: --option {UNDIRECTED} is for edges of undirected graphs; leave it out")
    labels = _labels(source, graph, request)
    word = "root_id" if pa.types.is_uint64(labels.type) else "name"
    if request.as_ == "neurons":
        return _assembled(source, {word: labels, **_attributes(source, graph, word, labels, request)}, request, [])
    notes: list[str] = []
    pre, post = (np.asarray(ends, np.int64) for ends in graph.ends)
    again = np.empty(0, np.int64)
    if not graph.directed:
        if request.as_ == "synapses" or said is None:
            raise SchemaError(
                f"{source}: the graph is undirected, and a {request.as_.removesuffix('s')} leads from one neuron to "
                "another. " + ("Ingest it --as connections" if request.as_ == "synapses" else "If each edge stands for "
                f"both ways say --option {UNDIRECTED}=both, else make it directed")
            )  # fmt: skip
        again = np.flatnonzero(pre != post)
        notes.append(f"the graph is undirected: its {len(pre):,} edges are read both ways, as asked")
    order = np.concatenate([np.arange(len(pre)), again])
    pre, post = np.concatenate([pre, post[again]]), np.concatenate([post, pre[again]])
    columns: dict[str, pa.Array] = {
        f"pre_{word}": labels.take(pa.array(pre)),
        f"post_{word}": labels.take(pa.array(post)),
    }
    for name, values in graph.edges.items():
        if name in OWN:
            raise SchemaError(f"{source}: its edges have an attribute {name!r}, which the nodes say; rename it")
        columns[name] = column_of(values).take(pa.array(order))
    return _assembled(source, columns, request, notes)


def _assembled(source: str, columns: dict[str, pa.Array], request: ReadRequest, notes: list[str]) -> Reading:
    table = pa.table(columns)
    reading = assemble(source, request, table.schema, table.to_batches(max_chunksize=BATCH_ROWS), table.num_rows)
    reading.notes[:0] = notes
    return reading


def _labels(source: str, graph: Nodes, request: ReadRequest) -> pa.Array:
    """What nodes are called: their own keys, or the attribute that ``--option ids=`` names."""
    said = request.options.get(IDS)
    if said is None and graph.keys is not None:
        return _of_keys(source, graph.keys)
    if said is not None and said in graph.about:
        return checked_labels(
            column_of(graph.about[said]), f"{source}, attribute {said!r} of its nodes", graph.count, "nodes"
        )
    if said == NUMBERS and graph.keys is None:
        return numbered(graph.count)
    if said is not None:
        raise SchemaError(f"{source}: its nodes have no attribute {said!r}{did_you_mean(str(said), list(graph.about))}")
    raise SchemaError(
        f"{source}: its nodes have no names; say which attribute holds their ids with --option {IDS}=NAME "
        f"({', '.join(graph.about) or 'there is none'}), or --option {IDS}={NUMBERS} to number them 1, 2, 3, ..."
    )


def _of_keys(source: str, keys: Sequence[Any]) -> pa.Array:
    for key in keys:
        if isinstance(key, float | np.floating):
            raise IdError(f"{source}: found the node {key!r}; a float cannot hold a 64-bit id. Use integers or text")
        if isinstance(key, bool) or not isinstance(key, str | Integral):
            raise SchemaError(
                f"{source}: found the node {key!r}, {type(key).__name__}; wanted integers or text, or "
                f"--option {IDS}=ATTRIBUTE"
            )
    return checked_labels(column_of([str(key) for key in keys]), f"{source}, its nodes", len(keys), "nodes")


def _attributes(source: str, graph: Nodes, word: str, labels: pa.Array, request: ReadRequest) -> dict[str, pa.Array]:
    """Attributes of nodes; one that says again what they are called is left away."""
    made = {name: column_of(values) for name, values in graph.about.items()}
    if request.options.get(IDS) != word and word in made:
        told = made.pop(word)
        if not told.cast(pa.string()).equals(labels.cast(pa.string())):
            raise SchemaError(
                f"{source}: its nodes have keys and another attribute {word!r}; say --option {IDS}={word} to take that"
            )
    made.pop(str(request.options.get(IDS)), None)
    return made


def collected(rows: Sequence[Mapping[Any, Any]]) -> dict[str, list[Any]]:
    """Attributes that any of these dictionaries has -> a value each.

    Raises:
        SchemaError: two attributes of one name, such as 1 and "1".
    """
    names: dict[Any, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    texts = [str(name) for name in names]
    if len({*texts}) < len(texts):
        raise SchemaError(f"attributes of one name: {', '.join(sorted(texts))}; rename one")
    return {str(name): [row.get(name) for row in rows] for name in names}


def unique(values: Sequence[Any]) -> bool:
    """Whether none is empty, and each is there once."""
    column = column_of(values)
    return not any(map(empty, values)) and len(pc.unique(column)) == len(column)
