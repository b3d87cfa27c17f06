"""Saved sets of neurons: listed, looked into, linked; written where the graph is open for that (``--write-sets``).

Tests: tests/graphlab/web/test_sets.py.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, JsonValue

from graphlab.graph import Graph
from graphlab.web.answers import FIRST_ROWS, TableShape, TextShape
from graphlab.web.errors import MissingError, RefusedError
from graphlab.web.routes.verbs import JOB, WIRED, table_of
from ingest.running.stopping import Scope
from ingest.schema.errors import UnknownNameError

Words = ConfigDict(extra="forbid", strict=True)
router = APIRouter(prefix="/api/graphs/{graph}/sets", tags=["sets"])
TABLE: dict[int | str, dict[str, Any]] = {200: {"model": TableShape}}
Name = Annotated[str, Path(max_length=200, description="letters, digits and _, a letter first")]


class LinkWords(BaseModel):
    """Neurons to look at."""

    model_config = Words
    who: JsonValue
    segmentation: str | None = None
    viewer: str | None = None
    regex: bool = False


class SetWords(BaseModel):
    """Neurons to keep."""

    model_config = Words
    who: JsonValue
    regex: bool = False
    replace: bool = False


class SetShape(BaseModel):
    """A saved set."""

    name: str
    root_ids: list[str]
    saved: str


@router.get("", response_model=None, responses=TABLE)
async def sets(request: Request, graph: str, first: WIRED = FIRST_ROWS, job: JOB = None) -> Response:
    """Every saved set."""
    return await table_of(request, graph, "sets", first, lambda opened, _: opened.sets.list())


@router.get("/{name}")
async def one_set(request: Request, graph: str, name: str) -> dict[str, Any]:
    """The neurons of a saved set."""

    def found(opened: Graph, scope: Scope) -> dict[str, Any]:
        try:
            one = opened.sets[name]
        except UnknownNameError as error:
            raise MissingError(str(error)) from None
        return {"name": one.name, "root_ids": [str(root) for root in one.root_ids.tolist()], "saved": one.saved}

    return await request.app.state.work.run(request, graph, found, "set")  # type: ignore[no-any-return]


@router.post("/link")
async def link(request: Request, graph: str, words: LinkWords) -> TextShape:
    """A Neuroglancer address that shows neurons; nobody is asked for it."""
    said = {name: value for name, value in words.model_dump().items() if value is not None or name == "who"}

    def made(opened: Graph, scope: Scope) -> TextShape:
        return TextShape(text=opened.sets.link(said.pop("who"), **said))

    return await request.app.state.work.run(request, graph, made, "link")  # type: ignore[no-any-return]


@router.put("/{name}")
async def save(request: Request, graph: str, name: Name, words: SetWords, job: JOB = None) -> SetShape:
    """Keep neurons under a name, with the words of ``graph.sets.save``; refused unless the server may write sets."""

    def saved(opened: Graph, scope: Scope) -> SetShape:
        _require_writable(opened)
        one = opened.sets.save(name, words.who, regex=words.regex, replace=words.replace)
        return SetShape(name=one.name, root_ids=[str(root) for root in one.root_ids.tolist()], saved=one.saved)

    return await request.app.state.work.run(request, graph, saved, "save set")  # type: ignore[no-any-return]


@router.delete("/{name}")
async def remove(request: Request, graph: str, name: Name) -> dict[str, bool]:
    """Forget a set; its neurons stay. Refused unless the server may write sets."""

    def removed(opened: Graph, scope: Scope) -> dict[str, bool]:
        _require_writable(opened)
        try:
            opened.sets.remove(name)
        except UnknownNameError as error:
            raise MissingError(str(error)) from None
        return {"removed": True}

    return await request.app.state.work.run(request, graph, removed, "remove set")  # type: ignore[no-any-return]


def _require_writable(graph: Graph) -> None:
    if not graph.folder.sets:
        raise RefusedError("this server only reads; graphlab serve GRAPH --write-sets keeps sets in it")
