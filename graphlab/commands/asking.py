"""The verb that asks: query."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import Engine, GraphPath, Json, Language, pairs_of, text_of


def query(
    graph: GraphPath,
    text: Annotated[str, typer.Argument(metavar="TEXT|@FILE|-", help="The question, a file of it, or standard input.")],
    language: Annotated[Language | None, typer.Option(help="By the text itself when absent.")] = None,
    engine: Annotated[Engine, typer.Option(help="Which engine answers.")] = Engine.auto,
    explain: Annotated[bool, typer.Option("--explain", help="Say how it would be answered, and why.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only the number of rows.")] = False,
    limit: Annotated[int | None, typer.Option(help="At most so many rows.", min=0)] = None,
    parameter: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value for $NAME.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write .parquet, .csv, .arrow or .json instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask a question: SQL with GRAPH_TABLE patterns, read-only."""
    from graphlab.graph import Graph
    from graphlab.terminal import print_json, print_result, rows_of, write_result

    with Graph.open(graph, read_only=True) as opened:
        result = opened.query(
            text_of(text),
            language=language.value if language else None,
            engine=engine.value,
            limit=limit,
            parameters=dict(pairs_of(parameter, "--parameter")) or None,
            **({"explain": True} if explain else {}),
        )
        if count:
            rows = sum(batch.num_rows for batch in result.batches())
            print_json([{"count": rows}]) if json else typer.echo(rows)
        elif output:
            typer.echo(f"{write_result(result, output):,} rows in {output}")
        elif json:
            print_json(rows_of(result.to_arrow()))
        else:
            print_result(result)
