"""Verbs of ``Graph`` and of its namespaces as endpoints: the words of a request are the keyword arguments of the verb.

Which verbs there are is said in ``VERBS``; everything else is read from their signatures, so that an endpoint cannot
differ from its verb.

Tests: tests/graphlab/web/test_verbs.py.
"""

from __future__ import annotations

import collections.abc
import inspect
import time
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from graphlab.graph import Graph
from graphlab.verbs.circuits.namespace import Circuits
from graphlab.verbs.everyday.places import Places
from graphlab.verbs.everyday.sets import Sets
from graphlab.verbs.everyday.synapses import Synapses
from graphlab.verbs.motifs.namespace import Motifs
from graphlab.verbs.skeletons import Skeletons
from graphlab.web.answers import FIRST_ROWS, TableShape, result_of, table_response
from ingest.running.stopping import Scope
from ingest.schema.errors import AnalysisError

NAMESPACES: Mapping[str, type] = {
    "": Graph,
    "synapses": Synapses,
    "places": Places,
    "sets": Sets,
    "motifs": Motifs,
    "circuits": Circuits,
    "skeletons": Skeletons,
}
VERBS: Mapping[str, tuple[str, ...]] = {
    "": ("neurons", "connections", "adjacency", "partners", "common_partners", "neighborhood", "paths", "similar"),
    "synapses": ("of", "between", "mean"),
    "places": ("at", "neuropils"),
    "sets": ("check",),
    "motifs": (
        "census", "census_by_neuropil", "census_sweep", "orbits", "roles", "weights", "signed_census", "significance",
        "pattern_count", "pattern_significance", "mine", "instances",
    ),
    "circuits": (
        "signal_flow", "ranks", "cascade", "effective_connectivity", "influence", "intermediates", "max_flow",
        "flow_paths", "statistics", "type_connections", "communities",
    ),
    "skeletons": ("measure",),
}  # fmt: skip
SERVERS_OWN = frozenset(
    {"self", "progress", "null_progress", "mixing_progress", "workers", "record", "earlier", "folder"}
)
"""Parameters that a request does not say: bars, threads, what is written."""
WIRED = Annotated[int, Query(ge=0, le=1_000, description="rows in the answer itself")]
JOB = Annotated[
    str | None,
    Query(pattern=r"^[A-Za-z0-9_-]{8,64}$", description="a random name, to follow and to stop the work by"),
]


@dataclass(frozen=True)
class Verb:
    """One verb as an endpoint has it."""

    space: str
    name: str
    function: Callable[..., Any]
    model: type[BaseModel]
    tells_progress: bool

    @property
    def path(self) -> str:
        return f"{self.space}/{self.name}" if self.space else self.name

    def __call__(self, graph: Graph, scope: Scope, words: BaseModel) -> Any:
        """The verb's own answer."""
        said = {name: getattr(words, name) for name in words.model_fields_set if name in type(words).model_fields}
        said = {name.removesuffix("_"): value for name, value in said.items()}
        more = dict(words.model_extra or {})
        refused = sorted(SERVERS_OWN & more.keys())
        if refused:
            raise AnalysisError(f"{refused[0]} is not said in a request")
        bars = {"progress": scope.progress} if self.tells_progress else {}
        holder = getattr(graph, self.space) if self.space else graph
        return getattr(holder, self.name)(**said, **more, **bars)


def verbs() -> list[Verb]:
    """Every verb that is served."""
    return [_verb(space, name) for space, names in VERBS.items() for name in names]


def _verb(space: str, name: str) -> Verb:
    function = getattr(NAMESPACES[space], name)
    wrapped = inspect.unwrap(function)
    signature = inspect.signature(wrapped)
    known = {**vars(typing), **vars(collections.abc), **wrapped.__globals__}
    fields: dict[str, Any] = {}
    takes_more = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            takes_more = True
        elif parameter.name not in SERVERS_OWN:
            annotation = parameter.annotation
            kind = json_type(eval(annotation, known) if isinstance(annotation, str) else annotation)
            default = ... if parameter.default is inspect.Parameter.empty else _plain(parameter.default)
            # pydantic keeps a few names to itself.
            own = f"{parameter.name}_" if hasattr(BaseModel, parameter.name) else parameter.name
            fields[own] = (kind, Field(default, alias=parameter.name))
    told = "progress" in signature.parameters or (space, name) == ("motifs", "census")
    extra: Literal["allow", "forbid"] = "allow" if takes_more and name != "census" else "forbid"
    shape = ConfigDict(extra=extra, strict=True, populate_by_name=True, protected_namespaces=())
    title = "".join(part.title() for part in f"{space}_{name}".split("_")) + "Words"
    model = create_model(title, __config__=shape, **fields)
    return Verb(space, name, function, model, told)


def json_type(annotation: Any) -> Any:
    """What JSON can say of an annotation: sequences and tuples as lists, anything as any value.

    Raises:
        TypeError: an annotation that JSON cannot say; the verb is none for a server.
    """
    if annotation is Any:
        return JsonValue
    if annotation is None or annotation in (int, float, str, bool, type(None)):
        return annotation
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return annotation
    if origin in (Union, types.UnionType):
        return Union[tuple(json_type(one) for one in arguments)]  # noqa: UP007
    if origin is tuple:
        inner = [one for one in arguments if one is not Ellipsis]
        return list[Union[tuple(json_type(one) for one in inner)]]  # type: ignore[misc]  # noqa: UP007
    if origin in (list, collections.abc.Sequence, collections.abc.Iterable):
        return list[json_type(arguments[0])]  # type: ignore[misc]
    if origin in (dict, collections.abc.Mapping):
        return dict[str, json_type(arguments[1])]  # type: ignore[misc]
    raise TypeError(f"a request cannot say {annotation}")


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def router() -> APIRouter:
    """One POST for each verb, under ``/api/graphs/{graph}``."""
    made = APIRouter(prefix="/api/graphs/{graph}", tags=["verbs"])
    for verb in verbs():
        _add(made, verb)
    return made


def _add(made: APIRouter, verb: Verb) -> None:
    async def endpoint(
        request: Request, graph: str, words: Any, first: WIRED = FIRST_ROWS, job: JOB = None
    ) -> Response:
        return await table_of(request, graph, verb.path, first, lambda opened, scope: verb(opened, scope, words))

    endpoint.__annotations__["words"] = verb.model
    told = inspect.getdoc(verb.function) or ""
    made.add_api_route(
        f"/{verb.path}",
        endpoint,
        methods=["POST"],
        response_model=None,
        responses={200: {"model": TableShape}},
        summary=told.splitlines()[0] if told else verb.path,
        description=told,
        operation_id=f"verb_{verb.path.replace('/', '_')}",
    )


async def table_of(
    request: Request, graph: str, what: str, first: int, verb: Callable[[Graph, Scope], Any]
) -> Response:
    """The rows that a verb gives, kept for paging, in the form that the request accepts."""

    def answer(opened: Graph, scope: Scope) -> Response:
        begun = time.monotonic()
        name, kept = request.app.state.results.keep(graph, result_of(verb(opened, scope)))
        return table_response(request, kept, name, time.monotonic() - begun, first)

    return await request.app.state.work.run(request, graph, answer, what)  # type: ignore[no-any-return]
