"""The verbs that ask: query, and shell, which stays warm."""

from __future__ import annotations

from typing import Annotated

import typer

from graphlab.commands.options import (
    CompartmentOption,
    Engine,
    GraphPath,
    Json,
    Language,
    MotifKind,
    Output,
    parameters_of,
    text_of,
)


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
    output: Output = None,
    spreadsheet: Annotated[
        bool, typer.Option("--spreadsheet", help="In .csv, a ' before text that begins like a formula (= + - @).")
    ] = False,
    json: Json = False,
) -> None:
    """Ask a question: SQL with GRAPH_TABLE patterns, DotMotif or Cypher, read-only. CREATE PROPERTY GRAPH is kept."""
    from graphlab.commands.terminal import print_json, print_result, rows_of, write_output
    from graphlab.graph import Graph
    from queries.languages.sql_pgq.ddl import is_definition

    question = text_of(text)
    if is_definition(question):
        with Graph.open(graph) as opened:
            name = opened.create_property_graph(question)
        print_json([{"property_graph": name}]) if json else typer.echo(f"property graph {name} is kept in {graph}")
        return
    with Graph.open(graph, read_only=True) as opened:
        result = opened.query(
            question,
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
