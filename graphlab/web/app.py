"""The app: graphs, settings and routers put together. ``create_app`` is the seam for further routers.

Tests: tests/graphlab/web/test_api.py.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from graphlab import __version__
from graphlab.graph import Graph
from graphlab.web import errors, page
from graphlab.web.results import Results
from graphlab.web.routes import graphs as graph_routes
from graphlab.web.routes import jobs, maps, questions, runs, sets, verbs, views
from graphlab.web.safety import Guard, require_letters
from graphlab.web.settings import MIB, Settings
from graphlab.web.work import Work


def create_app(
    graphs: Mapping[str, Graph],
    settings: Settings | None = None,
    *,
    hosts: frozenset[str],
    scheme: str = "http",
    token: str | None = None,
    routers: Sequence[APIRouter] = (),
    neuprint: Mapping[str, Any] | None = None,
    static: Path = page.STATIC,
) -> FastAPI:
    """The app that serves some open graphs. They stay open when it ends.

    Args:
        graphs: name -> open graph, best ``read_only``.
        hosts: what a Host header may say, as ``safety.names_of`` gives it. scheme: http or https.
        token: that every request has to know; None where none is asked for.
        routers: more routes, each under a path of its own below ``/api``. A route finds the graphs in
            ``request.app.state.work``: ``await work.run(request, name, lambda graph, scope: ...)`` runs a verb within
            the limits, stops it when its client hangs up, and turns its errors into answers; ``state.results`` keeps
            answers for paging.
        neuprint: what ``/api/server`` says of the neuPrint door.
    """
    settings = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.downloads = tempfile.mkdtemp(prefix="graphlab-serve-")
        try:
            yield
        finally:
            app.state.work.close()
            shutil.rmtree(app.state.downloads, ignore_errors=True)

    app = FastAPI(
        title="graphlab", version=__version__, lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None,
        dependencies=[Depends(require_letters)],
    )  # fmt: skip
    app.state.settings = settings
    app.state.work = Work(graphs, settings)
    app.state.maps = maps.Maps()
    app.state.results = Results(settings.kept_mb * MIB, settings.rows, settings.answer_mb * MIB)
    app.state.neuprint = neuprint
    errors.install(app)
    everywhere = (graph_routes.everywhere, page.router, jobs.router)
    of_graphs = (graph_routes, runs, sets, maps, questions, views)
    ours = (*everywhere, *(one.router for one in of_graphs), verbs.router())
    for router in (*ours, *routers):
        app.include_router(router)
    page.mount(app, static)
    app.add_middleware(Guard, hosts=hosts, scheme=scheme, token=token, body=settings.body_mb * MIB)
    return app
