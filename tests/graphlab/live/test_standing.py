"""Standing is asked anew, after every batch of any events, in every language; what cannot be kept up is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphlab.live import standing
from graphlab.live.standing import StandingQuery
from ingest.schema.errors import AnalysisError, GraphlabError

QUESTIONS = (
    "SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[s IS synapse]->(b)-[t IS synapse]->(c) WHERE c.cell_type = 'x' "
    "COLUMNS (a.root_id AS a, b.root_id AS b, c.root_id AS c, s.weight AS w))",
    "MATCH (a)-[s:ConnectsTo]->(b)-[t:ConnectsTo]->(a) WHERE s.weight > 1 RETURN a.bodyId, b.bodyId",
    "A -> B\nB -> C\nC -> A\nA !> C",
    "MATCH (a:Neuron) WHERE a.type = 'x' RETURN a.bodyId",
)
BASE = pa.table({"synapse_id": pa.array(range(1, 7), pa.uint64()), "pre_root_id": [1, 2, 3, 1, 4, 1],
                 "post_root_id": [2, 3, 1, 2, 1, 1]})  # fmt: skip


@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_standing_is_asked_anew(fed: Callable[..., Any], data: st.DataObject) -> None:
    one = fed(BASE)
    asked = [StandingQuery(one.follower, text) for text in QUESTIONS]
    next_id, known = 100, [1, 2, 3, 4]
    for _ in range(3):
        records = []
        for _ in range(data.draw(st.integers(1, 4))):
            next_id += 1
            some = st.sampled_from(known)
            what = data.draw(st.sampled_from(["add", "add", "remove", "merge", "split", "say"]))
            if what == "add":
                ends = st.one_of(some, st.integers(50, 52))
                records.append({"action": "synapse_added", "synapse_id": next_id, "pre_root_id": data.draw(ends),
                                "post_root_id": data.draw(ends)})  # fmt: skip
            elif what == "remove":
                records.append({"action": "synapse_removed", "synapse_id": data.draw(st.integers(1, 6))})
            elif what == "merge":
                new = data.draw(st.sampled_from([next_id, 1]))
                records.append({"action": "neurons_merged", "old_root_ids": [data.draw(some)], "new_root_ids": [new]})
                known.append(new)
            elif what == "split":
                old = data.draw(some)
                records.append({"action": "neuron_split", "old_root_ids": [old], "new_root_ids": [old, next_id],
                                "synapse_ids": [1], "synapse_sides": ["pre"],
                                "synapse_root_ids": [next_id]})  # fmt: skip
                known.append(next_id)
            else:
                records.append({"action": "annotation_changed", "root_id": data.draw(some), "column": "cell_type",
                                "value": data.draw(st.sampled_from(["x", None]))})  # fmt: skip
        before = [question.rows for question in asked]
        done = one.take(*records)
        for question, was in zip(asked, before, strict=True):
            came, went = question.update(done)
            now = question.ask()
            assert question.rows == now, question.text
            assert (came, went) == (now - was, was - now)
    one.folder.close()


def test_hubs_are_asked_whole(fed: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "MOST_NEAR", 2)
    one = fed(BASE)
    question = StandingQuery(one.follower, QUESTIONS[2])
    done = one.take({"action": "synapse_removed", "synapse_id": 2})
    came, went = question.update(done)
    assert question.asked_whole == 1
    assert (sum(came.values()), sum(went.values())) == (0, 3)
    assert question.rows == question.ask()


REFUSED = (
    ("SELECT count(*) FROM connections", "SQL around"),
    ("SELECT a FROM GRAPH_TABLE (connectome MATCH (a)-[s]->(b) COLUMNS (a.root_id AS a)) ORDER BY a", "SQL around"),
    ("SELECT * FROM GRAPH_TABLE (connectome MATCH (a)-[s]->(b) COLUMNS (a.root_id AS a)) LIMIT 3", "limit"),
    ("MATCH (a)-[s:ConnectsTo]->(b) RETURN DISTINCT a.bodyId", ""),
    ("MATCH (a)-[s:ConnectsTo]->(b) RETURN count(*)", ""),
    ("MATCH (a)-[s:ConnectsTo*1..3]->(b) RETURN a.bodyId", ""),
    ("MATCH (a:Neuron), (b:Neuron) RETURN a.bodyId", ""),
    ("MATCH (a)-[s:ConnectsTo]->(b) WHERE a.total_in > 3 RETURN a.bodyId", "totals"),
    ("MATCH (a:Neuron) WHERE a.post > 3 RETURN a.bodyId", "totals"),
    ("MATCH (a:Neuron) WHERE a.weight_in > 3 RETURN a.bodyId", "totals"),
    ("MATCH (a:Neuron) RETURN a", "totals"),
    ("SELECT * FROM GRAPH_TABLE (connectome MATCH (a) WHERE a.Total_In > 3 COLUMNS (a.root_id AS a))", "totals"),
)


def test_what_cannot_be_kept_up_is_refused(fed: Callable[..., Any]) -> None:
    follower = fed(BASE).follower
    for text, why in REFUSED:
        with pytest.raises(AnalysisError, match=f"cannot be kept up.*{why}"):
            StandingQuery(follower, text)
    with pytest.raises(GraphlabError):
        StandingQuery(follower, "MATCH (a")
