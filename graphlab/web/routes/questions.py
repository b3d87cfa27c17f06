"""Questions in any language, patterns as data, and answers that are kept: paged, sorted, filtered, downloaded.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue
from starlette.background import BackgroundTask

from graphlab.exchange.table_files import cells_of, write_table
from graphlab.graph import Graph
from graphlab.web.answers import FIRST_ROWS, PageShape, TableShape, table_response
from graphlab.web.results import View
from graphlab.web.routes.verbs import JOB, WIRED
from ingest.running.stopping import Scope
from ingest.schema.ids import as_root_ids
from queries.describe import expression_text
from queries.ir.pattern import Direction, Pattern
from queries.planning.rewrites import rewrite

MOST_ROWS = 1_000
"""Of a page."""
Words = ConfigDict(extra="forbid", strict=True)
Text = Annotated[str, Field(max_length=200_000)]
Id = Annotated[str, Field(pattern=r"^\d{1,20}$")]


class QueryWords(BaseModel):
    """A question, with the words of ``Graph.query``."""

    model_config = Words
    text: Text
    language: str | None = None
    engine: str = "auto"
    limit: int | None = Field(None, ge=0, description="at most the server's own row limit")
    parameters: dict[str, JsonValue] = Field(default_factory=dict, description="values of $name")
    sets: dict[str, list[Id]] = Field(
        default_factory=dict, description="neurons that the question names as $name, before a saved set of that name"
    )
    kind: str = "chemical"
    compartment: str | list[str] | None = None
    explain: bool = False
    count: bool = False
    exclude_automorphisms: bool = False
    time_limit: float | None = Field(None, gt=0, description="seconds; the server's own limit holds, too")


class ParseWords(BaseModel):
    """A text to be read, not asked."""

    model_config = Words
    text: Text
    language: str | None = None


class VertexShape(BaseModel):
    """A neuron of a pattern."""

    name: str
    labels: list[str]
    where: str | None


class EdgeShape(BaseModel):
    """A connection of a pattern."""

    name: str | None
    source: str
    target: str
    labels: list[str]
    absent: bool = Field(description="no such connection")
    either_way: bool
    repeated: list[int | None] | None = Field(description="[least, most or null] of a path")
    where: str | None


class PatternShape(BaseModel):
    """A pattern as data."""

    semantics: str
    vertices: list[VertexShape]
    edges: list[EdgeShape]
    where: str | None


class ParseShape(BaseModel):
    """What a text says."""

    language: str
    patterns: list[PatternShape]


router = APIRouter(prefix="/api/graphs/{graph}", tags=["questions"])


@router.post("/query", response_model=None, responses={200: {"model": TableShape}})
async def query(
    request: Request, graph: str, words: QueryWords, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """Ask in SQL with GRAPH_TABLE, Cypher or DotMotif; nothing is ever written."""
    settings = request.app.state.settings

    def answer(opened: Graph, scope: Scope) -> Response:
        begun = time.monotonic()
        said = words.model_dump()
        most = settings.rows if words.limit is None else min(words.limit, settings.rows)
        said["limit"] = None if words.count or words.explain else most
        said["time_limit"] = min(words.time_limit or settings.time_limit, settings.time_limit)
        given = {name: as_root_ids(ids).tolist() for name, ids in said.pop("sets").items()}
        said["parameters"] = {**said["parameters"], **given}
        result = opened.query(said.pop("text"), **said)
        name, kept = request.app.state.results.keep(graph, result)
        return table_response(request, kept, name, time.monotonic() - begun, first)

    return await request.app.state.work.run(request, graph, answer, "query")  # type: ignore[no-any-return]


@router.post("/parse")
async def parse(request: Request, graph: str, words: ParseWords) -> ParseShape:
    """Read a text without asking it: its language and its patterns, or the error with its place.

    Conditions on one neuron or connection stand with it, whichever way they were written, absent connections, too.
    """

    def read(opened: Graph, scope: Scope) -> ParseShape:
        from queries.engine import detect
        from queries.engine import parse as parsed

        language = words.language or detect(words.text)
        slots = parsed(words.text, language).slots
        return ParseShape(language=language, patterns=[pattern_shape(rewrite(slot.pattern)) for slot in slots])

    return await request.app.state.work.run(request, graph, read, "parse")  # type: ignore[no-any-return]


def pattern_shape(pattern: Pattern) -> PatternShape:
    """A pattern as data, conditions in words."""

    def where(expression: Any) -> str | None:
        return None if expression is None else expression_text(expression)

    return PatternShape(
        semantics=pattern.semantics.value,
        vertices=[
            VertexShape(name=v.variable, labels=list(v.labels), where=where(v.predicate)) for v in pattern.vertices
        ],
        edges=[
            EdgeShape(
                name=None if e.variable[:1].isdigit() else e.variable,
                source=e.source,
                target=e.target,
                labels=list(e.labels),
                absent=e.negated,
                either_way=e.direction is Direction.ANY,
                repeated=None if e.quantifier is None else [e.quantifier.minimum, e.quantifier.maximum],
                where=where(e.predicate),
            )
            for e in pattern.edges
        ],
        where=where(pattern.where),
    )


Sort = Annotated[str | None, Query(description="column to sort by; nulls come last")]
Filter = Annotated[str, Query(max_length=1_000, description="a text that has to be in the row, in any case")]
Column = Annotated[str | None, Query(description="the column that the text has to be in; any, when absent")]
FileFormat = Literal["csv", "tsv", "parquet", "arrow", "xlsx", "json"]


@router.get("/results/{result}")
async def rows(
    request: Request,
    graph: str,
    result: str,
    offset: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
    limit: Annotated[int, Query(ge=0, le=MOST_ROWS)] = FIRST_ROWS,
    sort: Sort = None,
    descending: bool = False,
    filter: Filter = "",
    column: Column = None,
) -> PageShape:
    """Rows of an answer that is kept, by number; the question is not asked again."""

    def cut(opened: Graph, scope: Scope) -> PageShape:
        kept = request.app.state.results.get(graph, result)
        table, total = kept.rows(View(sort, descending, filter, column), offset, limit)
        return PageShape(offset=offset, rows=cells_of(table), total=total)

    return await request.app.state.work.run(request, graph, cut, "rows")  # type: ignore[no-any-return]


@router.get("/results/{result}/file", response_class=FileResponse)
async def file(
    request: Request,
    graph: str,
    result: str,
    format: FileFormat = "csv",
    spreadsheet: Annotated[
        bool, Query(description="in csv and tsv, a ' before text that begins like a formula")
    ] = False,
    sort: Sort = None,
    descending: bool = False,
    filter: Filter = "",
    column: Column = None,
) -> FileResponse:
    """An answer that is kept as a file, all of its rows."""

    def write(opened: Graph, scope: Scope) -> Path:
        table, _ = request.app.state.results.get(graph, result).rows(View(sort, descending, filter, column))
        folder = Path(tempfile.mkdtemp(dir=request.app.state.downloads))
        path = folder / f"result.{format}"
        write_table(table, path, spreadsheet=spreadsheet)
        return path

    path: Path = await request.app.state.work.run(request, graph, write, "file")

    def forget() -> None:
        path.unlink(missing_ok=True)
        path.parent.rmdir()

    return FileResponse(path, filename=f"{graph}-result.{format}", background=BackgroundTask(forget))
