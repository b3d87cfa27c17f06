"""What the page asks beside the verbs: drawings of motifs, what is known of one neuron.

Tests: tests/graphlab/web/test_views.py.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import pyarrow as pa
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from graphlab.circuits.result import CircuitResult
from graphlab.graph import Graph
from graphlab.web.answers import FIRST_ROWS, TableShape, table_response
from graphlab.web.drawing import Drawing, drawing_of, text_of
from graphlab.web.routes.verbs import JOB, WIRED
from ingest.running.stopping import Scope
from ingest.schema.ids import as_root_ids
from queries.result import Result

Words = ConfigDict(extra="forbid", strict=True)
TABLE: dict[int | str, dict[str, Any]] = {200: {"model": TableShape}}
router = APIRouter(prefix="/api/graphs/{graph}/page", tags=["page"])


class MotifText(BaseModel):
    """A motif in DotMotif."""

    model_config = Words
    text: Annotated[str, Field(max_length=200_000)]


class DrawnShape(BaseModel):
    """A motif as a drawing."""

    drawing: Drawing
    locked: list[str] = Field(description="what the text says beyond the drawing; the drawing alone when empty")


class WrittenShape(BaseModel):
    """A drawing as a text."""

    text: str
    loose: list[str] = Field(description="neurons without a connection, which are not in the text")


class OneNeuron(BaseModel):
    """A neuron by its id."""

    model_config = Words
    root_id: Annotated[str, Field(pattern=r"^\d{1,20}$")]


class Counted(BaseModel):
    """Which wiring was counted."""

    model_config = Words
    size: Annotated[int, Field(ge=2, le=4)]
    kind: str = "chemical"
    min_weight: float = 0.0
    compartment: str | None = None


@router.post("/drawing")
async def drawing(request: Request, graph: str, words: MotifText) -> DrawnShape:
    """A text of DotMotif as a drawing, with what the drawing cannot show."""

    def drawn(opened: Graph, scope: Scope) -> DrawnShape:
        found, locked = drawing_of(words.text)
        return DrawnShape(drawing=found, locked=locked)

    return await request.app.state.work.run(request, graph, drawn, "drawing")  # type: ignore[no-any-return]


@router.post("/drawing/text")
async def drawing_text(request: Request, graph: str, words: Drawing) -> WrittenShape:
    """A drawing as a text of DotMotif."""

    def written(opened: Graph, scope: Scope) -> WrittenShape:
        text, loose = text_of(words)
        return WrittenShape(text=text, loose=loose)

    return await request.app.state.work.run(request, graph, written, "drawing text")  # type: ignore[no-any-return]


@router.post("/predictions", response_model=None, responses=TABLE)
async def predictions(
    request: Request, graph: str, words: OneNeuron, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """What predictors said of a neuron: every label with its probability, the likeliest first."""
    return await _about(
        request, graph, words, first,
        "SELECT model, label, probability, rank, was_training, run_id FROM predictions WHERE root_id = $id "
        "ORDER BY run_id, model, probability DESC, label",
    )  # fmt: skip


@router.post("/tuning", response_model=None, responses=TABLE)
async def tuning(
    request: Request, graph: str, words: OneNeuron, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """What the activity of a neuron has to do with behaviour: every test of every animal, strongest evidence first."""
    return await _about(
        request, graph, words, first,
        "SELECT animal, behavior, measure, value, lag_s, p, q, null_model, run_id FROM behavior_tuning "
        "WHERE root_id = $id ORDER BY q NULLS LAST, animal, behavior, measure",
    )  # fmt: skip


async def _about(request: Request, graph: str, words: OneNeuron, first: int, sql: str) -> Response:
    def found(opened: Graph, scope: Scope) -> Response:
        begun = time.monotonic()
        root = int(as_root_ids([words.root_id])[0])
        result = opened.query(sql, "sql", parameters={"id": root})
        name, kept = request.app.state.results.keep(graph, result)
        return table_response(request, kept, name, time.monotonic() - begun, first)

    return await request.app.state.work.run(request, graph, found, "about a neuron")  # type: ignore[no-any-return]


@router.post("/significance", response_model=None, responses=TABLE)
async def significance(
    request: Request, graph: str, words: Counted, first: WIRED = FIRST_ROWS, job: JOB = None
) -> Response:
    """The latest recorded comparison of motif classes with a null, of this wiring; no rows where there is none."""

    def found(opened: Graph, scope: Scope) -> Response:
        begun = time.monotonic()
        wanted = (words.kind, words.min_weight, words.compartment)
        for run, one in opened.motifs.kept_significance(words.size):
            seen = one.view_meta or {}
            if (seen.get("kind"), float(seen.get("min_weight") or 0), seen.get("compartment") or None) == wanted:
                about = {"sentence": one.sentence, "run_id": run}
                result: Result = CircuitResult(
                    one.to_arrow(), engine="motifs", run_id=run, notes=one.caveats, about=about
                )
                break
        else:
            result = Result(pa.table({"motif": pa.array([], pa.string())}), engine="motifs")
        name, kept = request.app.state.results.keep(graph, result)
        return table_response(request, kept, name, time.monotonic() - begun, first)

    return await request.app.state.work.run(request, graph, found, "significance")  # type: ignore[no-any-return]
