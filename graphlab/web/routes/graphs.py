"""The server, its graphs, the words they know, runs, models, skeletons.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Any

import numpy as np
import pyarrow as pa
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from graphlab import __version__
from graphlab.graph import Graph
from graphlab.web.answers import TextShape, arrow_stream, json_value
from graphlab.web.routes.verbs import JOB
from ingest.running.stopping import Scope

Words = ConfigDict(extra="forbid", strict=True)
everywhere = APIRouter(prefix="/api", tags=["server"])
router = APIRouter(prefix="/api/graphs/{graph}", tags=["graph"])


class MethodsWords(BaseModel):
    """What to write about."""

    model_config = Words
    result: str | None = Field(None, description="a run by its id; the data alone, when absent")


@everywhere.get("/server")
async def server(request: Request) -> dict[str, Any]:
    """Version, graphs, those whose sets may be written, every limit with its option, the neuPrint door."""
    state = request.app.state
    return {
        "version": __version__,
        "graphs": [*state.work.graphs],
        "settings": state.settings.shown(),
        "neuprint": state.neuprint,
        "read_only": True,
        "writes_sets": [name for name, one in state.work.graphs.items() if one.folder.sets],
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


@router.post("/methods")
async def methods(request: Request, graph: str, words: MethodsWords) -> TextShape:
    """One paragraph about the data or a run, to paste into a methods section."""

    def told(opened: Graph, scope: Scope) -> TextShape:
        return TextShape(text=opened.methods(words.result))

    return await request.app.state.work.run(request, graph, told, "methods")  # type: ignore[no-any-return]


@router.get("/models")
async def models(request: Request, graph: str) -> dict[str, Any]:
    """The cards of the saved predictors."""

    def told(opened: Graph, scope: Scope) -> dict[str, Any]:
        return {"models": [json_value(card.document()) for card in opened.predict.cards()]}

    return await request.app.state.work.run(request, graph, told, "models")  # type: ignore[no-any-return]


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
