"""neuPrint's HTTP API over graphs: what neuprint-python asks, answered by our Cypher and verbs.

Tests: tests/graphlab/test_neuprint_python.py, tests/graphlab/web/neuprint/test_door.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from graphlab import __version__
from graphlab.graph import Graph
from graphlab.web import errors
from graphlab.web.answers import arrow_stream
from graphlab.web.errors import MissingError
from graphlab.web.neuprint.values import arrow_table, cells, swc
from graphlab.web.safety import Guard, require_letters
from graphlab.web.settings import MIB
from graphlab.web.work import Work
from ingest.running.stopping import Scope
from ingest.schema.errors import GraphlabError, SchemaError, did_you_mean
from queries.result import Result
from queries.source import LimitError

SPOKEN = "1.7.3"
"""The version of neuPrint's API that this is: Arrow answers came with it."""
NOT_HERE = ("raw", "roimeshes", "cached", "npexplorer")
"""Parts of the API that a graph has nothing for."""


class CustomWords(BaseModel):
    """A question."""

    cypher: str = Field(max_length=500_000)
    dataset: str = ""


def datasets(graphs: Mapping[str, Graph]) -> dict[str, str]:
    """Names of data sets -> names of the graphs that hold them; a name of several graphs is none, theirs are used."""
    told = {name: graph.info().dataset or name for name, graph in graphs.items()}
    names = list(told.values())
    return {name if names.count(said) > 1 else said: name for name, said in told.items()}


def create_door(work: Work, named: Mapping[str, str], *, hosts: frozenset[str], token: str) -> FastAPI:
    """The app of the door.

    Args:
        named: as ``datasets`` gives it. token: neuprint-python always sends one; this is the one that opens.
    """
    app = FastAPI(
        title="neuPrint", version=SPOKEN, openapi_url=None, docs_url=None, redoc_url=None,
        dependencies=[Depends(require_letters)],
    )  # fmt: skip
    app.state.work, app.state.named, app.state.token = work, dict(named), token
    errors.install(app)
    for kind in (GraphlabError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, _told)
    for path, get in (
        ("/api/version", lambda: {"Version": SPOKEN}),
        ("/api/serverinfo", lambda: {"IsPublic": False}),
        ("/api/dbmeta/version", lambda: {"Version": f"graphlab {__version__}"}),
        ("/api/dbmeta/database", lambda: {"Location": "graphlab", "Description": f"graphlab {__version__}"}),
        ("/api/dbmeta/instances", lambda: {}),  # noqa: PIE807  (a builtin has no signature to read)
        ("/profile", lambda: {"Email": "", "AuthLevel": "readonly", "ImageURL": ""}),
        ("/token", lambda: {"token": token}),
    ):
        app.add_api_route(path, get, methods=["GET"])
    app.add_api_route("/api/dbmeta/datasets", _datasets, methods=["GET"])
    app.add_api_route("/api/available", _available, methods=["GET"])
    app.add_api_route("/api/help/swagger.yaml", _help, methods=["GET"])
    app.add_api_route("/api/custom/custom", _custom, methods=["POST"], response_model=None)
    app.add_api_route("/api/custom/arrow", _custom_arrow, methods=["POST"], response_model=None)
    app.add_api_route("/api/skeletons/skeleton/{dataset}/{body}", _skeleton, methods=["GET"], response_model=None)
    app.add_middleware(Guard, hosts=hosts, scheme="https", token=token, body=work.settings.body_mb * MIB)
    return app


async def _told(request: Request, error: Exception) -> JSONResponse:
    """An error as neuPrint tells it: one text under ``error``, which neuprint-python shows."""
    if isinstance(error, HTTPException):
        text, status = str(error.detail), error.status_code
        part = request.url.path.removeprefix("/api/").partition("/")[0]
        if status == 404 and part in NOT_HERE:
            text = f"a graph has nothing for {request.url.path}: no meshes, no stored summaries, no raw keys"
    elif isinstance(error, RequestValidationError):
        text, status = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()), 400
    else:
        text, status = str(error), errors.status_of(error)
        if isinstance(error, LimitError):
            text, status = f"timeout: {text}" if "time limit" in text else text, 400
    return JSONResponse({"error": text}, status)


def _graph(request: Request, dataset: str) -> str:
    named: dict[str, str] = request.app.state.named
    if not dataset and len(named) == 1:
        return next(iter(named.values()))
    if dataset in named:
        return named[dataset]
    if dataset in named.values():
        return dataset
    raise MissingError(f"unknown dataset {dataset!r}{did_you_mean(dataset, named)}")


async def _datasets(request: Request) -> dict[str, Any]:
    found = {}
    for dataset, graph in request.app.state.named.items():

        def about(opened: Graph, scope: Scope) -> dict[str, Any]:
            info = opened.info()
            pools = opened.words()["neuropils"]
            return {"uuid": info.data_version, "last-mod": "", "ROIs": pools, "superLevelROIs": pools, "hidden": False,
                    "info": "", "logo": "", "description": f"{info.counts['neurons_in_graph']:,} neurons"}  # fmt: skip

        found[dataset] = await request.app.state.work.run(request, graph, about, "datasets")
    return found


async def _available(request: Request) -> list[str]:
    return sorted(getattr(route, "path", "") for route in request.app.routes)


async def _help(request: Request) -> PlainTextResponse:
    """OpenAPI as JSON, which YAML contains."""
    return PlainTextResponse(json.dumps(request.app.openapi()))


async def _custom(request: Request, words: CustomWords) -> Any:
    found = await _asked(request, words)
    return {"columns": found.columns, "data": cells(found.table), "debug": words.cypher}


async def _custom_arrow(request: Request, words: CustomWords) -> Response:
    return arrow_stream(arrow_table((await _asked(request, words)).table), {})


async def _asked(request: Request, words: CustomWords) -> Result:
    work: Work = request.app.state.work

    def ask(opened: Graph, scope: Scope) -> Result:
        found = opened.query(
            words.cypher, language="cypher", limit=work.settings.rows, time_limit=work.settings.time_limit
        )
        if found.truncated:  # its frames have no word for it
            raise LimitError(
                f"the answer has more than the {work.settings.rows:,} rows that the server gives; ask for less, or "
                "start it with a larger --rows"
            )
        return found

    return await work.run(request, _graph(request, words.dataset), ask, "neuPrint query")


async def _skeleton(request: Request, dataset: str, body: str, format: str = "swc") -> Response:
    if format != "swc":
        raise SchemaError(f"skeletons are given as swc, not as {format!r}")

    def drawn(opened: Graph, scope: Scope) -> str:
        try:
            return swc(opened.skeletons.of(body)[0])
        except SchemaError as error:
            raise MissingError(str(error)) from None

    work: Work = request.app.state.work
    return PlainTextResponse(await work.run(request, _graph(request, dataset), drawn, "skeleton"))
