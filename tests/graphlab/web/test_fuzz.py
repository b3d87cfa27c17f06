"""Words that nobody would say: every endpoint answers or refuses, none breaks."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from graphlab.graph import Graph
from graphlab.web.answers import result_of
from graphlab.web.routes.verbs import Verb, verbs
from graphlab.web.settings import Settings
from ingest.running.stopping import Scope, within
from ingest.schema.errors import GraphlabError

ID = "720575940603560295"
WORDS = st.sampled_from(
    ["n1", "n5", "A", "B", "mine", "cell_type", "side", "left", "EB", "", "chemical", "weight", "root_id", ID, "toy",
     "030T", "leiden", "input", "1", "$x", "'", "-1"]
)  # fmt: skip
WHOLE = st.sampled_from([0, 1, 2, 3, 5, -1, 100, 2**31, 2**63, 2**64, int(ID)])
FLOATS = st.sampled_from([0.0, 1.0, 0.5, -1.0, float("inf"), float("nan"), 1e300, 5])
ANYTHING = st.recursive(
    st.none() | st.booleans() | WHOLE | FLOATS | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)
FEW = {"samples": 2}
LIGHT = (
    "motifs/pattern_significance",
    "motifs/mine",
    "motifs/significance",
    "circuits/statistics",
    "circuits/communities",
)
"""Verbs that work for long at every call."""


def said(kind: Any) -> st.SearchStrategy[Any]:
    """Values of the kind that a request may have, the odd ones among them."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    plain = {None: st.none(), type(None): st.none(), bool: st.booleans(), int: WHOLE, float: FLOATS, str: WORDS}
    if origin is None and kind in plain:
        return plain[kind]
    if origin is Literal:
        return st.sampled_from(inner)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(said, inner))
    if origin is list:
        return st.lists(said(inner[0]), max_size=3)
    return ANYTHING


def words_of(verb: Verb) -> st.SearchStrategy[dict[str, Any]]:
    fields = verb.model.model_fields
    made = {field.alias or name: said(field.annotation) for name, field in fields.items()}
    wanted = {field.alias or name for name, field in fields.items() if field.is_required()}
    few = {name: st.just(FEW[name]) for name in made if name in FEW}
    return st.fixed_dictionaries(
        {**{name: made[name] for name in wanted}, **few},
        optional={name: one for name, one in made.items() if name not in wanted | few.keys()},
    )


@pytest.mark.parametrize("verb", [one for one in verbs() if one.path not in LIGHT], ids=lambda verb: verb.path)
def test_verbs_answer_or_refuse(graph: Graph, verb: Verb) -> None:
    @settings(
        max_examples=5, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate, Phase.shrink]
    )
    @given(words_of(verb))
    def ask(words: dict[str, Any]) -> None:
        try:
            checked = verb.model.model_validate(words)
            with within(Scope(time_limit=30)) as scope:
                result_of(verb(graph, scope, checked))
        except (ValidationError, GraphlabError):
            pass

    ask()


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("synapses/of", {"who": "n1", "neuropil": [1e300]}),
        ("synapses/between", {"neuropil": 0.5}),
        ("motifs/instances", {"motif": [[]]}),
        ("circuits/influence", {"seeds": None}),
        ("circuits/statistics", {"pivots": 2**64}),
        ("places/at", {"point": []}),
        ("query", {"text": "SELECT \x00"}),
        ("neurons", {"who": "\ud800"}),
        ("neurons", {"search": "\ud800"}),
        ("methods", {"result": "\ud800"}),
    ],
)
def test_what_broke_once_is_refused(client: httpx.Client, path: str, words: dict[str, Any]) -> None:
    answer = client.post(
        f"/api/graphs/made/{path}", content=json.dumps(words), headers={"Content-Type": "application/json"}
    )
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["error"]["message"]


@pytest.fixture(scope="module")
def openapi(graph: Graph, serve: Any) -> Iterator[Any]:
    with serve({"made": graph}, Settings(time_limit=5)) as client:
        yield schemathesis.openapi.from_url(f"{client.base_url}/api/openapi.json")


@pytest.mark.filterwarnings("ignore::Warning:schemathesis")
def test_the_openapi_is_kept_to(openapi: Any) -> None:
    """Schemathesis makes the requests: none is answered with a fault."""
    asked = 0
    for found in openapi.get_all_operations():
        operation = found.ok()
        if operation.path.endswith("/events") or operation.path.rpartition("{graph}/")[2] in LIGHT:
            continue

        @settings(max_examples=2, suppress_health_check=list(HealthCheck), phases=[Phase.generate], derandomize=True)
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            if "graph" in (case.path_parameters or {}):
                case.path_parameters["graph"] = "made"
            answer = case.call()
            asked += 1
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        ask()
    assert asked > 100
