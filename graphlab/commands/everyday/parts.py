"""Verbs about parts of graphs and about two graphs: subset, methods, compare.

Tests: tests/graphlab/commands/everyday/test_everyday.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.everyday.who import HEAD, AnyWho, Rows, part_of, show, who_of
from graphlab.commands.options import GraphPath, Json, Kind, MinWeight, Output


def subset(
    graph: GraphPath,
    who: AnyWho = None,
    neuropil: Annotated[str | None, typer.Option(metavar="NAMES", help="Connections in these, with commas.")] = None,
    min_weight: MinWeight = 0.0,
    census: Annotated[int | None, typer.Option(help="Also count its motifs of so many neurons.", min=2, max=4)] = None,
    report: Annotated[Path | None, typer.Option(help="Also write the report of it.")] = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """A part of a graph: what it holds, its motifs, its report; -o writes its connections."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json, print_table, rows_of, write_output
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        part = opened.subset(
            who_of(opened, who), neuropil=neuropil.split(",") if neuropil else None, min_weight=min_weight
        )
        info = part.info()
        about = asdict(info)
        motifs = part.motifs.census(census).to_arrow() if census else None
        if motifs is not None:
            about["motifs"] = rows_of(motifs)
        if report is not None:
            about["report"] = str(part.report(report))
        if output:
            write_output(part.connections().to_arrow(), output, about if json else None, "connections")
        elif json:
            print_json(about)
    if json:
        return
    typer.echo(str(info.subset))
    for name in ("neurons", "connections", "autapses", "total_weight", "synapses"):
        typer.echo(f"  {name.replace('_', ' '):22} {info.counts[name]:>14,}")
    if motifs is not None:
        print_table(motifs, limit=motifs.num_rows)
    if report is not None:
        typer.echo(f"report: {about['report']}")


def methods(
    graph: GraphPath,
    run: Annotated[str | None, typer.Argument(metavar="[RUN]", help="A run; the data when absent.")] = None,
    json: Json = False,
) -> None:
    """What to write about data or a result: versions, parameters, software, citations."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        text = opened.methods(run)
    print_json({"methods": text}) if json else typer.echo(text)


def compare(
    graph: GraphPath,
    other: Annotated[Path, typer.Argument(metavar="OTHER", help="The graph to compare with.")],
    by: Annotated[str, typer.Option("--by", metavar="COLUMN", help="What neurons are matched by.")] = "name",
    min_weight: MinWeight = 0.0,
    kind: Kind = Kind.chemical,
    unchanged: Annotated[bool, typer.Option("--unchanged", help="Also connections of equal weight.")] = False,
    rows: Rows = HEAD,
    output: Output = None,
    json: Json = False,
) -> None:
    """Connections that another graph has gained, lost or changed, neurons matched by name or type."""
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as ours, Graph.open(other, read_only=True) as theirs:
        found = part_of(ours, None).compare(theirs, by=by, kind=kind.value, min_weight=min_weight, unchanged=unchanged)
        show(found, output, json, rows)
