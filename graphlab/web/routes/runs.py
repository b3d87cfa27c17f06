"""Runs that were recorded: listed, told, their rows and figures.

Tests: tests/graphlab/web/test_figures.py.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from graphlab.graph import Graph
from graphlab.store.runs import runs as recorded
from graphlab.store.runs.results import each_kept_run, rows_of, tables_of
from graphlab.web.answers import FIRST_ROWS, TableShape, json_value
from graphlab.web.errors import MissingError
from graphlab.web.figures import figures_of
from graphlab.web.routes.verbs import JOB, WIRED, table_of
from ingest.running.stopping import Scope
from ingest.schema.errors import UnknownNameError, did_you_mean

router = APIRouter(prefix="/api/graphs/{graph}", tags=["runs"])
TABLE: dict[int | str, dict[str, Any]] = {200: {"model": TableShape}}


class FigureShape(BaseModel):
    """A figure of a run; ``/runs/{run_id}/figures/{name}.svg`` is the drawing."""

    name: str
    caption: str


class FiguresShape(BaseModel):
    """What there is to see of a run."""

    figures: list[FigureShape]


@router.get("/runs", response_model=None, responses=TABLE)
async def runs(
    request: Request, graph: str, verb: str | None = None, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """What was done to the graph and computed from it, the latest last."""
    return await table_of(request, graph, "runs", first, lambda opened, _: opened.runs(verb))


@router.get("/runs/{run_id}")
async def one_run(request: Request, graph: str, run_id: str) -> dict[str, Any]:
    """A run with its parameters, the command that repeats it, and what to write about it."""

    def told(opened: Graph, scope: Scope) -> dict[str, Any]:
        rows = [row for row in opened.runs().to_pylist() if row["run_id"] == run_id]
        if not rows:
            raise MissingError(f"unknown run {run_id!r}")
        row = rows[0]
        return {
            **json_value(row),
            "tables": tables_of(opened.folder, run_id),
            "inputs": recorded.get(opened.folder, run_id).inputs,
            "parameters": json_value(json.loads(row["parameters"])),
            "rerun": shlex.join(["graphlab", "rerun", opened.path.name, run_id]),
            "methods": opened.methods(run_id),
        }

    return await request.app.state.work.run(request, graph, told, "run")  # type: ignore[no-any-return]


@router.get("/runs/{run_id}/result", response_model=None, responses=TABLE)
async def run_result(
    request: Request, graph: str, run_id: str, table: str | None = None, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """Rows of a run: of one of its ``tables`` (the first, when absent), or those kept beside them."""

    def found(opened: Graph, scope: Scope) -> Any:
        verb = _verb(opened, run_id)
        tables = tables_of(opened.folder, run_id)
        if table is not None and table not in tables:
            raise UnknownNameError("table of the run", table, tables)
        if tables:
            return rows_of(opened.folder, run_id, table or tables[0])
        kept = next((rows for run, rows in each_kept_run(opened.folder, verb) if run.run_id == run_id), None)
        if kept is None:
            raise MissingError(f"run {run_id} ({verb}) left no rows, or is of data that the graph no longer has")
        return kept

    return await table_of(request, graph, "run result", first, found)


@router.get("/runs/{run_id}/figures")
async def run_figures(request: Request, graph: str, run_id: str, job: JOB = None) -> FiguresShape:
    """The figures of a run: spikes and rates, layers and flows by type, motifs against a null, rich clubs."""

    def drawn(opened: Graph, scope: Scope) -> FiguresShape:
        found = figures_of(opened, run_id, _verb(opened, run_id))
        return FiguresShape(figures=[FigureShape(name=one.name, caption=one.caption) for one in found])

    return await request.app.state.work.run(request, graph, drawn, "figures")  # type: ignore[no-any-return]


@router.get("/runs/{run_id}/figures/{name}.svg", response_class=Response)
async def run_figure(request: Request, graph: str, run_id: str, name: str, job: JOB = None) -> Response:
    """One figure of a run as an SVG file."""

    def drawn(opened: Graph, scope: Scope) -> Response:
        found = {one.name: one for one in figures_of(opened, run_id, _verb(opened, run_id))}
        if name not in found:
            raise MissingError(f"run {run_id} has no figure {name!r}{did_you_mean(name, found)}")
        return Response(found[name].svg, media_type="image/svg+xml")

    return await request.app.state.work.run(request, graph, drawn, "figure")  # type: ignore[no-any-return]


def _verb(graph: Graph, run_id: str) -> str:
    try:
        return recorded.get(graph.folder, run_id).verb
    except UnknownNameError as error:
        raise MissingError(str(error)) from None
