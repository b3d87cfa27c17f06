"""Maps of embeddings: which there are, and their points; what was worked out for one request is there for the next.

Tests: tests/graphlab/web/test_maps.py.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from graphlab.embeddings.map import Projection
from graphlab.graph import Graph
from graphlab.store.tables import neuron_values
from graphlab.web.answers import ARROW
from graphlab.web.points import POINTS, as_arrow, packed
from graphlab.web.routes.verbs import JOB
from ingest.running.stopping import Scope

MOST_POINTS = 2_000_000
MOST_KEPT = 16
"""Projections that are kept."""
MOST_BYTES = 64 << 20
"""Of answers that are kept."""
T = TypeVar("T")
router = APIRouter(prefix="/api/graphs/{graph}/embeddings", tags=["embeddings"])


class MapShape(BaseModel):
    """A map that can be asked for."""

    model: str
    method: str = Field(description="pca, found when asked; umap, recorded by graphlab map-embeddings")
    run_id: str | None


class MapsShape(BaseModel):
    """Every map of a graph."""

    maps: list[MapShape]


class Maps:
    """Projections and answers of the data as they are, those not asked for longest go first; safe in threads."""

    def __init__(self) -> None:
        self._projections: OrderedDict[Hashable, Projection] = OrderedDict()
        self._answers: OrderedDict[Hashable, bytes] = OrderedDict()
        self._guard = threading.Lock()

    def projection(self, key: Hashable, make: Callable[[], Projection]) -> Projection:
        return self._kept(self._projections, key, make)

    def answer(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        found = self._kept(self._answers, key, make)
        with self._guard:
            while len(self._answers) > 1 and sum(map(len, self._answers.values())) > MOST_BYTES:
                self._answers.popitem(last=False)
        return found

    def _kept(self, store: OrderedDict[Hashable, T], key: Hashable, make: Callable[[], T]) -> T:
        with self._guard:
            if key in store:
                store.move_to_end(key)
                return store[key]
        made = make()
        with self._guard:
            store[key] = made
            while len(store) > MOST_KEPT:
                store.popitem(last=False)
        return made


@router.get("/maps")
async def maps(request: Request, graph: str, job: JOB = None) -> MapsShape:
    """The maps of every model: principal components, and UMAPs that were recorded."""

    def found(opened: Graph, scope: Scope) -> MapsShape:
        models = list(dict.fromkeys(str(one["model"]) for one in opened.info().embeddings))
        kept: dict[str, str] = {}
        for run, one in opened.embeddings.kept_maps():
            kept.setdefault(one.model, run)
        made = [MapShape(model=one, method="pca", run_id=None) for one in models]
        made += [MapShape(model=one, method="umap", run_id=kept[one]) for one in models if one in kept]
        return MapsShape(maps=made)

    return await request.app.state.work.run(request, graph, found, "maps")  # type: ignore[no-any-return]


@router.get("/{model}/map", response_class=Response)
async def points(
    request: Request, graph: str, model: str, by: str = "cell_type", method: str = "pca", job: JOB = None
) -> Response:
    """Neurons in a plane, coloured by a column: an Arrow stream of root_id, x, y, group.

    With ``Accept: application/vnd.graphlab.points`` the bytes that the page draws: see ``graphlab.web.points.packed``.
    """
    form, write = (POINTS, packed) if POINTS in request.headers.get("accept", "") else (ARROW, as_arrow)
    kept: Maps = request.app.state.maps

    def placed(opened: Graph, scope: Scope) -> Response:
        version: Any = opened.folder.meta("data_version")
        key = (graph, version, model, method)

        def drawn() -> bytes:
            found = kept.projection(key, lambda: opened.embeddings.projection(model, method, MOST_POINTS))
            return write(found.plot(neuron_values(opened.folder, found, by)))

        if method != "pca":  # a newer one may have been recorded
            return Response(drawn(), media_type=form)
        return Response(kept.answer((*key, by, form), drawn), media_type=form)

    return await request.app.state.work.run(request, graph, placed, "map")  # type: ignore[no-any-return]
