"""The verb correlate: activity against behaviour and wiring."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import GraphPath, Json, NoProgress, Output, Quiet

if TYPE_CHECKING:
    import pyarrow as pa

SUMMARY_ROWS = 20
"""Rows of an answer that people are shown; the notes under them say what is in the rest."""


class What(StrEnum):
    tuning = "tuning"
    drivers = "drivers"
    decoding = "decoding"
    encoding = "encoding"
    correlation = "correlation"
    lagged = "lagged"
    response = "response"
    structure = "structure"
    enrichment = "enrichment"


def correlate(
    graph: GraphPath,
    what: Annotated[What, typer.Option(help="The question.")] = What.tuning,
    behavior: Annotated[list[str] | None, typer.Option(help="Behaviours; all when left out.")] = None,
    animal: Annotated[list[str] | None, typer.Option(help="Animals; all when left out.")] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            help="tuning: linear, rectified_positive, rectified_negative, lagged, mutual_information; correlation: "
            "raw, partial, behavior_removed; lagged: cross_correlation, granger."
        ),
    ] = None,
    null: Annotated[str | None, typer.Option(help="tuning: shift, circular, pseudo_session or phase.")] = None,
    surrogates: Annotated[
        int | None, typer.Option(help="At most this many shifts to either side, or random phases.", min=19)
    ] = None,
    detrend_s: Annotated[float | None, typer.Option(metavar="SECONDS", help="Slower than this is drift.")] = None,
    max_lag_s: Annotated[float | None, typer.Option(metavar="SECONDS", help="Largest lag.")] = None,
    min_confidence: Annotated[float | None, typer.Option(help="Identities less sure do not count.")] = None,
    folds: Annotated[int | None, typer.Option(help="Held-out blocks.", min=2)] = None,
    importance: Annotated[bool, typer.Option("--importance", help="decoding: leave each neuron out.")] = False,
    control: Annotated[
        bool, typer.Option("--control", help="tuning: test the traces with behaviour of other animals, too.")
    ] = False,
    source: Annotated[Path | None, typer.Option(help="response: file of measured responses.")] = None,
    rows: Annotated[str | None, typer.Option(help="response: rows of a matrix are 'response' or 'stimulus'.")] = None,
    run: Annotated[
        str | None, typer.Option(help="structure, enrichment: run of edges or tuning; else the latest.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="At most this many rows, surest first; when absent 20 are shown, and all written.", min=0),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of surrogates and resampling.")] = 0,
    output: Output = None,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Relate activity to behaviour and wiring, with p values that know about time."""
    from graphlab.commands.terminal import print_json, print_table, progress_bars, rows_of, write_output
    from graphlab.graph import Graph

    measures = {"measures": tuple(measure)} if measure and what is What.tuning else {}
    one = {"measure": measure[0]} if measure and what is not What.tuning else {}
    given: dict[str, Any] = {
        "null": null, "surrogates": surrogates, "detrend_s": detrend_s, "max_lag_s": max_lag_s, "folds": folds,
        "source": source, "rows": rows, "run_id": run, "importance": importance or None,
        "control": control or None,
    }  # fmt: skip
    options = {name: value for name, value in given.items() if value is not None} | measures | one
    with Graph.open(graph, shared=True) as opened, progress_bars(off=no_progress or quiet) as bars:
        answer = opened.activity.correlate(
            what.value, behavior, animal, min_confidence, seed, bars(f"{what.value}"), **options
        )
    if limit is not None:
        answer.tables = {name: surest(table).slice(0, limit) for name, table in answer.tables.items()}
    table = answer.table
    about = {"what": what.value, "run": answer.run_id, "notes": answer.notes}
    if output:
        write_output(table, output, about if json else None, f"rows of run {answer.run_id}")
    elif json:
        print_json({**about, "tables": {name: rows_of(rows_) for name, rows_ in answer.tables.items()}})
    elif not quiet:
        print_table(surest(table), f"{what.value} (run {answer.run_id})", SUMMARY_ROWS if limit is None else limit)
        for note in answer.notes:
            typer.echo(f"  - {note}")


def drop_animal(
    graph: GraphPath, animal: Annotated[str, typer.Argument(metavar="ANIMAL", help="Its name.")], json: Json = False
) -> None:
    """Forget a recorded animal, to leave it out or to ingest it again with other identities."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        notes = opened.activity.drop_animal(animal)
    if json:
        print_json({"animal": animal, "notes": notes})
    else:
        typer.echo("\n".join(notes))


def surest(table: pa.Table) -> pa.Table:
    """Rows by ascending q, then by the size of their value; models by descending R^2; others as they are."""
    import pyarrow.compute as pc

    names = table.schema.names
    keys = [("q", "ascending"), ("value", "descending"), ("r2", "descending")]
    ranks = {}
    for name, order in keys:
        if name in names:
            values = pc.abs(table[name]) if name == "value" else table[name]
            # NaN and null say nothing, so they come last either way.
            values = pc.if_else(pc.fill_null(pc.is_nan(values), True), None, values)
            ranks[name] = (values, order)
    if not ranks:
        return table
    import pyarrow as pa

    ordered = pa.table({name: values for name, (values, _) in ranks.items()}).append_column(
        "row", pa.array(range(table.num_rows), pa.int64())
    )
    by = [(name, order) for name, (_, order) in ranks.items()]
    return table.take(pc.sort_indices(ordered, sort_keys=[*by, ("row", "ascending")]))
