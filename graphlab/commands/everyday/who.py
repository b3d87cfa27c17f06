"""Neurons as people type them, and answers as they see them.

Tests: tests/graphlab/commands/everyday/test_everyday.py.
"""

from __future__ import annotations

import json as json_module
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import lines_of
from ingest.schema.errors import GraphlabError, SchemaError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.graph import Graph
    from queries.result import Result

WHO = (
    "a name, id, cell type or saved set; several with commas; COLUMN=VALUE,VALUE (more after ;), COLUMN=~PATTERN, "
    "@FILE with one a line, or JSON"
)
Who = Annotated[str, typer.Argument(metavar="NEURONS", help=f"Which neurons: {WHO}.")]
AnyWho = Annotated[str | None, typer.Argument(metavar="[NEURONS]", help=f"Which neurons; all when absent: {WHO}.")]
Pre = Annotated[str | None, typer.Option("--pre", metavar="NEURONS", help=f"Presynaptic ones: {WHO}.")]
Post = Annotated[str | None, typer.Option("--post", metavar="NEURONS", help="Postsynaptic ones, said likewise.")]
Within = Annotated[
    str | None, typer.Option("--within", metavar="NEURONS", help="Only the part of the graph that these neurons are.")
]
Rows = Annotated[int, typer.Option("--rows", help="Rows that are printed; 0 for all.", min=0)]
By = Annotated[str, typer.Option("--by", metavar="COLUMNS", help="neuron, neuropil, columns of neurons; with commas.")]
HEAD = 20

_CRITERION = re.compile(r"\s*([^\W\d]\w*)\s*=(.*)", re.DOTALL)


def who_of(graph: Graph, text: str | None) -> Any:
    """What a text says of neurons, as every verb takes it.

    Raises:
        GraphlabError: a file that is not there, JSON that is none, a criterion without a value.
    """
    if text is None:
        return None
    if text.startswith("@"):
        return lines_of(text[1:], "a list of neurons, one a line")
    if text.lstrip().startswith(("[", "{")):
        try:
            return json_module.loads(text)
        except ValueError as error:
            raise GraphlabError(f"{text[:60]!r} is no JSON: {error}") from None
    if _CRITERION.fullmatch(text):
        return criteria_of(text)
    if "," in text and not _known(graph, text):
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _known(graph: Graph, text: str) -> bool:
    """Whether a text with a comma in it is one name or type."""
    cursor = graph.folder.cursor()
    row = cursor.execute("SELECT count(*) FROM neurons WHERE name = $said OR cell_type = $said", {"said": text.strip()})
    return bool(row.fetchall()[0][0])


def criteria_of(text: str) -> dict[str, Any]:
    """``cell_type=Mi1,Tm3;side=left`` as criteria; ``,side=left`` begins another criterion, too.

    Raises:
        GraphlabError: no column, a column without a value or said twice, a bound that is no number.
    """
    said: dict[str, list[str]] = {}
    name = ""
    for part in re.split(r"[;,]", text):
        found = _CRITERION.fullmatch(part)
        if found:
            name = found[1]
            if name in said:
                raise GraphlabError(f"{name} is said twice in {text!r}; give its values with commas")
        said.setdefault(name, []).append((found[2] if found else part).strip())
    if "" in said or any(not value for values in said.values() for value in values):
        raise GraphlabError(
            f'found {text!r}; wanted COLUMN=VALUE,VALUE. For unknown values write JSON: {{"side": null}}'
        )
    return {name: _value(name, values) for name, values in said.items()}


def _value(name: str, values: list[str]) -> Any:
    if name.startswith(("min_", "max_")):
        try:
            return float(values[0])
        except ValueError:
            raise SchemaError(f"{name} is {values[0]!r}; wanted a number") from None
    told = [re.compile(value[1:]) if value.startswith("~") else value for value in values]
    return told[0] if len(told) == 1 else told


def part_of(graph: Graph, within: str | None, neuropil: str | None = None, min_weight: float = 0.0) -> Graph:
    """The graph, or the part of it that was asked for."""
    if within is None and neuropil is None:
        return graph
    pools = None if neuropil is None else [pool.strip() for pool in neuropil.split(",")]
    return graph.subset(who_of(graph, within), neuropil=pools, min_weight=min_weight)


def show(result: Result, output: Path | None, json: bool, rows: int = HEAD) -> None:
    """The answer as a table, a file or a document; its notes on standard error."""
    from graphlab.commands.terminal import print_json, print_table, rows_of, write_output

    table: pa.Table = result.to_arrow()
    if output:
        write_output(table, output, {} if json else None)
    elif json:
        print_json(rows_of(table))
    else:
        print_table(table, limit=rows or table.num_rows)
    for note in result.notes:
        typer.echo(f"note: {note}", err=True)
