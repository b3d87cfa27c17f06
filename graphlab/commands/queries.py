"""The verbs that ask: query, and shell, which stays warm."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from graphlab.commands.distributed.dividing import PartOption, Shared, divided
from graphlab.commands.options import (
    CompartmentOption,
    Engine,
    GraphPath,
    Json,
    Language,
    MotifKind,
    NoProgress,
    Output,
    parameters_of,
    text_of,
    workers_of,
)

QueryWorkers = Annotated[
    Any,
    typer.Option(
        "--workers",
        metavar="N|ray|ray:HOST:PORT",
        parser=workers_of,
        help="Divide the question: over threads, or processes of a Ray cluster. Rows come sorted by their columns.",
    ),
]


def query(
    graph: GraphPath,
    text: Annotated[str, typer.Argument(metavar="TEXT|@FILE|-", help="The question, a file of it, or standard input.")],
    language: Language = None,
    kind: MotifKind = "chemical",
    compartment: CompartmentOption = None,
    engine: Engine = "auto",
    explain: Annotated[bool, typer.Option("--explain", help="Say how it would be answered, and why.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only the number of rows.")] = False,
    limit: Annotated[int | None, typer.Option(help="At most this many rows.", min=0)] = None,
    parameter: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value for $NAME; a list as JSON, or NAME=@FILE.")
    ] = None,
    time_limit: Annotated[float | None, typer.Option(metavar="SECONDS", help="Time limit.", min=0)] = None,
    memory_limit: Annotated[str | None, typer.Option(metavar="SIZE", help="Memory limit: 2GB, 500MB.")] = None,
    workers: QueryWorkers = None,
    part: PartOption = None,
    shared: Shared = None,
    output: Output = None,
    spreadsheet: Annotated[
        bool, typer.Option("--spreadsheet", help="In .csv, a ' before text that begins like a formula (= + - @).")
    ] = False,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Ask a question: SQL with GRAPH_TABLE patterns, DotMotif or Cypher, read-only. CREATE PROPERTY GRAPH is kept."""
    from graphlab.commands.terminal import print_json, print_result, progress_bars, rows_of, write_output
    from graphlab.graph import Graph
    from queries.languages.sql_pgq.ddl import is_definition

    question = text_of(text)
    if is_definition(question):
        with Graph.open(graph) as opened:
            name = opened.create_property_graph(question)
        print_json([{"property_graph": name}]) if json else typer.echo(f"property graph {name} is kept in {graph}")
        return
    is_divided = workers is not None or part is not None or shared is not None
    with (
        divided(part, shared, workers or 1, json) as division,
        Graph.open(graph, read_only=True) as opened,
        progress_bars(off=no_progress or not is_divided) as bars,
    ):
        result = opened.query(
            question,
            workers=division.workers if is_divided else None,
            progress=bars("ranges"),
            language=language,
            engine=engine,
            kind=kind,
            compartment=compartment,
            limit=None if count else limit,
            parameters=parameters_of(parameter),
            explain=explain,
            count=count,
            time_limit=time_limit,
            memory_limit=memory_limit,
        )
        if division.is_part:
            return
        if result.truncated:
            typer.echo(f"the first {len(result):,} rows; there are more (--limit)", err=True)
        if count and not explain:
            rows = result.scalar() if limit is None else min(result.scalar(), limit)
            print_json([{"count": rows}]) if json else typer.echo(rows)
        elif output:
            write_output(result.to_arrow(), output, {} if json else None, spreadsheet=spreadsheet)
        elif json:
            print_json(rows_of(result.to_arrow()))
        else:
            print_result(result)


def shell(
    graph: GraphPath,
    language: Language = None,
    engine: Engine = "auto",
    kind: MotifKind = "chemical",
    json: Json = False,
) -> None:
    """Ask one question after another at a prompt that stays warm; .help lists what else it does."""
    import sys

    from graphlab.commands.shell.prompt import run_shell
    from graphlab.commands.shell.session import Session
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        if sys.stdin.isatty():
            typer.echo(f"{opened!r}\nopen for reading: nothing else may write it meanwhile; .help helps, Ctrl-D ends")
        run_shell(Session(opened, language=language, engine=engine, kind=kind, json=json))
