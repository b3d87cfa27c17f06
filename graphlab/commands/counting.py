"""Verbs about motifs: motifs, rerun."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import GraphPath, Json, Kind
from ingest.errors import GraphlabError


def motifs(
    graph: GraphPath,
    size: Annotated[int, typer.Option(help="2 (dyads), 3 (triads) or 4 (tetrads).")] = 3,
    samples: Annotated[int, typer.Option(help="Null samples; 0 counts only.", min=0)] = 0,
    kind: Annotated[Kind, typer.Option(help="Which connections.")] = Kind.chemical,
    min_weight: Annotated[float, typer.Option(help="Connections below it are left out.")] = 0.0,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Also per group of neurons, like cell_type.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write .parquet, .csv, .arrow or .json.")
    ] = None,
    json: Json = False,
) -> None:
    """Count every motif class exactly."""
    from graphlab.graph import Graph
    from graphlab.terminal import print_json, print_table, rows_of, write_table
    from ingest.errors import AnalysisError

    if samples:
        raise AnalysisError(
            "--samples: null models are not in this version, so nothing can be said about significance yet; "
            "--samples 0 counts the motifs"
        )
    with Graph.open(graph) as opened:
        result = opened.census(size, kind.value, min_weight, by)
    table = result.to_arrow()
    if output:
        typer.echo(f"{write_table(table, output):,} rows in {output}")
    elif json:
        print_json({"size": size, "kind": kind.value, "notes": list(result.notes), "motifs": rows_of(table)})
    else:
        print_table(table, title=f"motifs of size {size}")
        for note in result.notes:
            typer.echo(f"  - {note}")


def rerun(graph: GraphPath, run: Annotated[str, typer.Argument(help="Id of a recorded run.")]) -> None:
    """Recompute a recorded result and compare it, byte for byte."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        result = opened.rerun(run)
    if not result.equal:
        raise GraphlabError(f"run {run}: recorded {result.run.result_hash}, recomputed {result.new_hash}: they differ")
    typer.echo(f"run {run}: equal, {result.new_hash}")
