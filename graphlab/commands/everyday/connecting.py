"""Verbs about neurons and direct connections: neurons, connections, adjacency, partners, synapses.

Tests: tests/graphlab/commands/everyday/test_everyday.py.
"""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from graphlab.commands.everyday.who import HEAD, AnyWho, By, Post, Pre, Rows, Who, Within, part_of, show, who_of
from graphlab.commands.options import GraphPath, Json, Kind, MinWeight, Output

Fractions = Annotated[bool, typer.Option("--fractions", help="Also as fractions of all input and of all output.")]
Pivot = Annotated[bool, typer.Option("--pivot", help="A matrix: rows presynaptic, columns postsynaptic.")]
Values = Annotated[str, typer.Option("--values", help="Of the matrix: weight, connections, fraction_in, fraction_out.")]


def neurons(
    graph: GraphPath,
    who: AnyWho = None,
    search: Annotated[str | None, typer.Option(help="Words that all stand in text columns.")] = None,
    within: Within = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """List neurons by name, type, id, set, criteria or words."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        show(part_of(opened, within).neurons(who_of(opened, who), search=search), output, json, rows)


def connections(
    graph: GraphPath,
    pre: Pre = None,
    post: Post = None,
    min_weight: MinWeight = 0.0,
    kind: Kind = Kind.chemical,
    by_neuropil: Annotated[bool, typer.Option("--by-neuropil", help="One row a neuropil.")] = False,
    fractions: Fractions = False,
    within: Within = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Connections between neurons, heaviest first."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = part_of(opened, within).connections(
            who_of(opened, pre), who_of(opened, post), min_weight=min_weight, kind=kind.value, by_neuropil=by_neuropil,
            fractions=fractions,
        )  # fmt: skip
        show(found, output, json, rows)


def adjacency(
    graph: GraphPath,
    by: By = "cell_type",
    pre: Pre = None,
    post: Post = None,
    min_weight: MinWeight = 0.0,
    kind: Kind = Kind.chemical,
    fractions: Fractions = False,
    pivot: Pivot = False,
    values: Values = "weight",
    within: Within = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Who connects with whom, summed by types, sides, neuropils; as a table or a matrix."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = part_of(opened, within).adjacency(
            by.split(","), who_of(opened, pre), who_of(opened, post), min_weight=min_weight, kind=kind.value,
            fractions=fractions, pivot=pivot, values=values,
        )  # fmt: skip
        show(found, output, json, rows)


def partners(
    graph: GraphPath,
    who: Who,
    direction: Annotated[
        Literal["out", "in"], typer.Option(help="out: they connect to; in: that connect to them.")
    ] = "out",
    by: By = "neuron",
    sides: Annotated[bool, typer.Option("--sides", help="Ipsilateral and contralateral weight apart.")] = False,
    upto: Annotated[float | None, typer.Option(help="Only the first that make up this fraction together.")] = None,
    min_weight: MinWeight = 0.0,
    kind: Kind = Kind.chemical,
    within: Within = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Partners of neurons, heaviest first, as fractions of all output or input."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        found = part_of(opened, within).partners(
            who_of(opened, who), direction=direction, by=by.split(","), sides=sides, upto=upto, min_weight=min_weight,
            kind=kind.value,
        )  # fmt: skip
        show(found, output, json, rows)


def synapses(
    graph: GraphPath,
    who: AnyWho = None,
    pre: Pre = None,
    post: Post = None,
    mean: Annotated[bool, typer.Option("--mean", help="Mean places of the synapses of each neuron.")] = False,
    neuropil: Annotated[str | None, typer.Option(metavar="NAMES", help="Only in these, with commas.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Only those of this score or more.")] = None,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Single synapses of neurons, or from --pre to --post."""
    from graphlab.graph import Graph
    from ingest.schema.errors import SchemaError

    if (who is None) == (pre is None and post is None):
        raise SchemaError("synapses are of neurons (NEURONS), or between them (--pre, --post); say one of the two")
    pools = None if neuropil is None else neuropil.split(",")
    with Graph.open(graph, read_only=True) as opened:
        if who is None:
            found = opened.synapses.between(
                who_of(opened, pre), who_of(opened, post), neuropil=pools, min_score=min_score
            )
        else:
            ask = opened.synapses.mean if mean else opened.synapses.of
            found = ask(who_of(opened, who), neuropil=pools, min_score=min_score)
        show(found, output, json, rows)
