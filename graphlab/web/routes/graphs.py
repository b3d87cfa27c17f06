"""The server, its graphs, the words they know, saved sets, runs, models, maps of embeddings, skeletons, jobs.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import time
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from graphlab import __version__
from graphlab.graph import Graph
from graphlab.store.runs import runs as recorded
from graphlab.store.runs.results import each_kept_run
from graphlab.web.answers import FIRST_ROWS, TableShape, arrow_stream, json_value, result_of, table_response
from graphlab.web.errors import MissingError
from graphlab.web.routes.verbs import JOB, WIRED
from ingest.running.stopping import Scope
from ingest.schema.errors import UnknownNameError

MOST_POINTS = 2_000_000
"""Of a map."""
Words = ConfigDict(extra="forbid", strict=True)
everywhere = APIRouter(prefix="/api", tags=["server"])
router = APIRouter(prefix="/api/graphs/{graph}", tags=["graph"])
TABLE: dict[int | str, dict[str, Any]] = {200: {"model": TableShape}}


class LinkWords(BaseModel):
    """Neurons to look at."""

    model_config = Words
    who: JsonValue
    segmentation: str | None = None
    viewer: str | None = None
    regex: bool = False


class MethodsWords(BaseModel):
    """What to write about."""

    model_config = Words
    result: str | None = Field(None, description="a run by its id; the data alone, when absent")


class TextShape(BaseModel):
    """A text."""

    text: str


@everywhere.get("/server")
async def server(request: Request) -> dict[str, Any]:
    """Version, graphs, every limit with its option, the neuPrint door."""
    state = request.app.state
    return {
        "version": __version__,
        "graphs": [*state.work.graphs],
        "settings": state.settings.shown(),
        "neuprint": state.neuprint,
        "read_only": True,
    }


@router.get("")
async def info(request: Request, graph: str, job: JOB = None) -> dict[str, Any]:
    """What the graph holds, as ``graphlab info`` says it."""

    def told(opened: Graph, scope: Scope) -> dict[str, Any]:
        facts = dataclasses.asdict(opened.info())
        facts.pop("path")  # of the machine, not of the graph
        return {"graph": graph, **json_value(facts)}

    return await request.app.state.work.run(request, graph, told, "info")  # type: ignore[no-any-return]


@router.get("/words")
async def words(request: Request, graph: str, job: JOB = None) -> dict[str, Any]:
    """Every name that a question may say: tables, columns, labels, kinds, neuropils, sets."""
    return await request.app.state.work.run(request, graph, lambda opened, _: opened.words(), "words")  # type: ignore[no-any-return]


@router.get("/values")
async def values(
    request: Request,
    graph: str,
    column: str,
    prefix: Annotated[str, Query(max_length=1_000)] = "",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> dict[str, Any]:
    """Values of a column of neurons that begin with a text, those of most neurons first."""

    def found(opened: Graph, scope: Scope) -> dict[str, Any]:
        result = opened.values(column, prefix, limit)
        return {"values": result.table.to_pylist(), "more": result.truncated}

    return await request.app.state.work.run(request, graph, found, "values")  # type: ignore[no-any-return]


@router.get("/sets", response_model=None, responses=TABLE)
async def sets(request: Request, graph: str, first: WIRED = FIRST_ROWS, job: JOB = None) -> Response:
    """Every saved set."""
    return await _table(request, graph, "sets", first, lambda opened, _: opened.sets.list())


@router.get("/sets/{name}")
async def one_set(request: Request, graph: str, name: str) -> dict[str, Any]:
    """The neurons of a saved set."""

    def found(opened: Graph, scope: Scope) -> dict[str, Any]:
        try:
            one = opened.sets[name]
        except UnknownNameError as error:
            raise MissingError(str(error)) from None
        return {"name": one.name, "root_ids": [str(root) for root in one.root_ids.tolist()], "saved": one.saved}

    return await request.app.state.work.run(request, graph, found, "set")  # type: ignore[no-any-return]


@router.post("/sets/link")
async def link(request: Request, graph: str, words: LinkWords) -> TextShape:
    """A Neuroglancer address that shows neurons; nobody is asked for it."""
    said = {name: value for name, value in words.model_dump().items() if value is not None or name == "who"}

    def made(opened: Graph, scope: Scope) -> TextShape:
        return TextShape(text=opened.sets.link(said.pop("who"), **said))

    return await request.app.state.work.run(request, graph, made, "link")  # type: ignore[no-any-return]


@router.post("/methods")
async def methods(request: Request, graph: str, words: MethodsWords) -> TextShape:
    """One paragraph about the data or a run, to paste into a methods section."""

    def told(opened: Graph, scope: Scope) -> TextShape:
        return TextShape(text=opened.methods(words.result))

    return await request.app.state.work.run(request, graph, told, "methods")  # type: ignore[no-any-return]


@router.get("/runs", response_model=None, responses=TABLE)
async def runs(
    request: Request, graph: str, verb: str | None = None, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """What was done to the graph and computed from it, the latest last."""
    return await _table(request, graph, "runs", first, lambda opened, _: opened.runs(verb))


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
            "inputs": recorded.get(opened.folder, run_id).inputs,
            "parameters": json_value(json.loads(row["parameters"])),
            "rerun": shlex.join(["graphlab", "rerun", opened.path.name, run_id]),
            "methods": opened.methods(run_id),
        }

    return await request.app.state.work.run(request, graph, told, "run")  # type: ignore[no-any-return]


@router.get("/runs/{run_id}/result", response_model=None, responses=TABLE)
async def run_result(request: Request, graph: str, run_id: str, first: WIRED = FIRST_ROWS, job: JOB = None) -> Response:
    """The rows of a run's result, where the run is of the present data and its rows are kept."""

    def found(opened: Graph, scope: Scope) -> Any:
        try:
            verb = recorded.get(opened.folder, run_id).verb
        except UnknownNameError as error:
            raise MissingError(str(error)) from None
        table = next((rows for run, rows in each_kept_run(opened.folder, verb) if run.run_id == run_id), None)
        if table is None:
            raise MissingError(f"run {run_id} ({verb}) left no rows, or is of data that the graph no longer has")
        return table

    return await _table(request, graph, "run result", first, found)


@router.get("/models")
async def models(request: Request, graph: str) -> dict[str, Any]:
    """The cards of the saved predictors."""

    def told(opened: Graph, scope: Scope) -> dict[str, Any]:
        return {"models": [json_value(card.document()) for card in opened.predict.cards()]}

    return await request.app.state.work.run(request, graph, told, "models")  # type: ignore[no-any-return]


@router.get("/embeddings/{model}/map", response_class=Response)
async def embedding_map(request: Request, graph: str, model: str, by: str = "cell_type", job: JOB = None) -> Response:
    """Neurons in the first two principal components of a model: an Arrow stream of root_id, x, y, group."""

    def placed(opened: Graph, scope: Scope) -> Response:
        plot = opened.plot.embedding(model, by=by, most=MOST_POINTS)
        points = np.asarray(plot.points, dtype=np.float32)
        table = pa.table(
            {
                "root_id": pa.array(plot.root_ids, pa.uint64()),
                "x": pa.array(np.ascontiguousarray(points[:, 0])),
                "y": pa.array(np.ascontiguousarray(points[:, 1])),
                "group": pa.array(plot.groups, pa.string()).dictionary_encode(),
            }
        )
        return arrow_stream(table, {"title": plot.title, "notes": plot.notes, "axes": plot.axes})

    return await request.app.state.work.run(request, graph, placed, "map")  # type: ignore[no-any-return]


@router.get("/skeletons/{root_id}", response_class=Response)
async def skeleton(request: Request, graph: str, root_id: str) -> Response:
    """The skeleton of a neuron: an Arrow stream of node_id, parent (null of a root), x_nm, y_nm, z_nm, radius_nm."""

    def drawn(opened: Graph, scope: Scope) -> Response:
        one = opened.skeletons.of(root_id)[0]
        radii = np.full(len(one.node_ids), np.nan) if one.radii_nm is None else one.radii_nm
        parent = [None if at < 0 else int(one.node_ids[at]) for at in one.parents.tolist()]
        columns = {f"{axis}_nm": pa.array(one.points_nm[:, place]) for place, axis in enumerate("xyz")}
        table = pa.table(
            {"node_id": pa.array(one.node_ids, pa.uint64()), "parent": pa.array(parent, pa.uint64()), **columns,
             "radius_nm": pa.array(radii)}
        )  # fmt: skip
        return arrow_stream(table, {"root_id": root_id})

    return await request.app.state.work.run(request, graph, drawn, "skeleton")  # type: ignore[no-any-return]


async def _table(request: Request, graph: str, what: str, first: int, verb: Any) -> Response:
    def answer(opened: Graph, scope: Scope) -> Response:
        begun = time.monotonic()
        name, kept = request.app.state.results.keep(graph, result_of(verb(opened, scope)))
        return table_response(request, kept, name, time.monotonic() - begun, first)

    return await request.app.state.work.run(request, graph, answer, what)  # type: ignore[no-any-return]
