"""Every verb that is served answers what the verb itself gives, to the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import httpx
import pytest
from pydantic import JsonValue

from graphlab.exchange.table_files import cells_of
from graphlab.graph import Graph
from graphlab.web.answers import result_of
from graphlab.web.routes.verbs import VERBS, json_type, verbs

HERE = "/api/graphs/made"
ID = "720575940603560295"
ASKED: Mapping[str, list[dict[str, Any]]] = {
    "neurons": [{}, {"who": {"cell_type": ["A", None]}}, {"search": "n1"}, {"side": "left", "min_size": 200}],
    "connections": [{"pre": "A", "min_weight": 2}, {"post": [ID, "n3"], "fractions": True}, {"pivot": True}],
    "adjacency": [{"by": "cell_type", "fractions": True}, {"by": ["side", "neuropil"]}],
    "partners": [{"who": "n1", "direction": "in", "sides": True}, {"who": "mine", "by": "cell_type", "upto": 0.5}],
    "common_partners": [{"who": ["n1", "n2"]}],
    "neighborhood": [{"who": "n1", "hops": 2}],
    "paths": [{"source": "n1", "target": "n5", "k": 3}, {"source": "A", "target": "n5", "weighted": "fraction"}],
    "similar": [{"who": "n1", "k": 3}],
    "synapses/of": [{"who": "n1", "neuropil": "EB"}],
    "synapses/between": [{"pre": "A", "post": "B", "min_score": 0.5}],
    "synapses/mean": [{"who": "n1", "by_neuropil": True}],
    "places/at": [{"point": [0, 0, 0], "k": 2}],
    "places/neuropils": [{"who": "n1"}, {"by": "cell_type"}],
    "sets/check": [{"pasted": f"{ID}, 12"}],
    "motifs/census": [{"size": 3}, {"size": 2, "by": "cell_type", "min_weight": 2}],
    "motifs/census_by_neuropil": [{"size": 3}],
    "motifs/census_sweep": [{"size": 3, "thresholds": [1, 3]}],
    "motifs/orbits": [{"size": 3}],
    "motifs/roles": [{"size": 3}],
    "motifs/weights": [{"size": 3, "weightings": ["raw"]}],
    "motifs/significance": [{"size": 3, "samples": 5}],
    "motifs/pattern_count": [{"pattern": "A -> B\nB -> A"}],
    "motifs/pattern_significance": [{"pattern": "A -> B\nB -> A", "samples": 3}],
    "motifs/mine": [{"size": 3, "samples": 3, "min_count": 1}],
    "motifs/instances": [{"motif": "030T", "limit": 5}, {"motif": [[0, 1], [1, 2]]}],
    "circuits/signal_flow": [{"kind": "chemical"}],
    "circuits/ranks": [{"sources": "A"}],
    "circuits/effective_connectivity": [{"sources": "A", "targets": "B"}],
    "circuits/influence": [{"seeds": "A"}],
    "circuits/intermediates": [{"sources": "n1", "targets": "n5"}],
    "circuits/max_flow": [{"sources": "n1", "targets": "n5"}],
    "circuits/type_connections": [{}],
    "circuits/communities": [{}],
    "skeletons/measure": [{}, {"by": "compartment"}],
}


@pytest.mark.parametrize("verb", verbs(), ids=lambda verb: verb.path)
def test_answers_are_those_of_the_verb(client: httpx.Client, graph: Graph, verb: Any) -> None:
    for words in ASKED.get(verb.path, []):
        answer = client.post(f"{HERE}/{verb.path}", params={"first": 1_000}, json=words)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        holder = getattr(graph, verb.space) if verb.space else graph
        wanted = result_of(getattr(holder, verb.name)(**words))
        assert [column["name"] for column in found["columns"]] == wanted.columns
        assert found["page"]["rows"] == cells_of(wanted.table)
        assert found["notes"] == list(wanted.notes)


def test_nearly_every_verb_is_asked() -> None:
    served = {verb.path for verb in verbs()}
    assert served == {f"{space}/{name}".lstrip("/") for space, names in VERBS.items() for name in names}
    assert ASKED.keys() <= served


def test_what_a_request_may_not_say(client: httpx.Client) -> None:
    for path, words in (
        ("connections", {"prae": "n1"}),
        ("connections", {"min_weight": "5"}),
        ("connections", {"min_weight": True}),
        ("partners", {}),
        ("partners", {"who": "n1", "direction": "sideways"}),
        ("motifs/census", {"size": 3, "workers": 64}),
        ("motifs/census", {"size": 3, "record": True}),
        ("motifs/instances", {"motif": "030T", "progress": 1}),
        ("neurons", {"progress": "x"}),
    ):
        answer = client.post(f"{HERE}/{path}", json=words)
        assert answer.status_code in (400, 422), (path, words, answer.text)
        assert answer.json()["error"]["message"]
    for path in ("ingest", "drop_source", "sets/save", "set_recipe", "predict/train", "query/../ingest"):
        assert client.post(f"{HERE}/{path}", json={}).status_code in (404, 405), path


def test_annotations_as_json() -> None:
    assert json_type(Any) is JsonValue
    assert json_type(Sequence[tuple[int, int]]) == list[list[int]]
    assert json_type(str | Sequence[float] | None) == str | list[float] | None
    assert json_type(Iterable[str]) == list[str]
    assert json_type(Mapping[str, Any]) == dict[str, JsonValue]
    assert json_type(Literal["a", "b"]) == Literal["a", "b"]
    with pytest.raises(TypeError, match="cannot say"):
        json_type(bytes)
