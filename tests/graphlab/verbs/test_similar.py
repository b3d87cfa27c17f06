"""Likeness of neurons against plain numpy, and embeddings in the same SQL statement as patterns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphlab.verbs.similar import similarities
from ingest.schema.errors import GraphlabError, SchemaError, UnknownNameError


def means(made: Any) -> tuple[np.ndarray, np.ndarray]:
    ids = np.array(sorted(made.vectors))
    return ids, np.stack([made.vectors[i].mean(axis=0, dtype=np.float64) for i in ids.tolist()])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("metric", ["standardised", "cosine"])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_nearest_neurons_are_those_of_going_through_all(made: Any, base: int, metric: Any, k: int) -> None:
    ids, vectors = means(made)
    if metric == "standardised":
        vectors = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    for own in (base, base + 17):
        place = ids.tolist().index(own)
        likeness = [(-cosine(v, vectors[place]), i) for i, v in zip(ids.tolist(), vectors, strict=True)]
        every = sorted(pair for pair in likeness if pair[1] != own)
        found = made.graph.similar(own, k, metric=metric)
        table = found.to_pandas()
        assert table["root_id"].tolist() == [i for _, i in every[:k]]
        assert table["similarity"].tolist() == pytest.approx([-s for s, _ in every[:k]], abs=1e-6)
        assert table["rank"].tolist() == list(range(1, min(k, 29) + 1))
        assert table["nodes"].tolist() == [len(made.vectors[i]) for i in table["root_id"]]
        assert table["vector"].iloc[0] == f"mixture: mean of {table['nodes'].iloc[0]} nodes"
        types = ["int64", "uint64", "string", "string", "double", "string", "int64"]
        assert [str(f.type) for f in found.to_arrow().schema] == types


def test_a_large_common_part_is_taken_out_by_default(made: Any, base: int) -> None:
    raw = made.graph.similar(base, 29, metric="cosine").to_pandas()["similarity"]
    centred = made.graph.similar(base, 29).to_pandas()["similarity"]
    assert raw.min() > 0.2
    assert centred.min() < -0.3


@given(st.integers(2, 8), st.integers(1, 4), st.integers(0, 99))
def test_similarities_are_cosines(n: int, width: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).integers(-2, 3, (n, width)).astype(float)
    vectors[:, 0] = 1
    for standardised in (False, True):
        found = similarities(vectors, 0, standardised)
        assert ((found >= -1 - 1e-9) & (found <= 1 + 1e-9)).all()
        assert np.isfinite(found).all()
        if not standardised:
            assert found == pytest.approx([cosine(v, vectors[0]) for v in vectors])


@pytest.mark.parametrize(
    ("ask", "error", "message"),
    [
        (lambda g, b: g.similar(b + 35), SchemaError, "has no embeddings of model toy"),
        (lambda g, b: g.similar(5), SchemaError, "has no embeddings"),
        (lambda g, b: g.similar(b, 0), SchemaError, "wanted 1 or more"),
        (lambda g, b: g.similar(b, metric="cosin"), UnknownNameError, "did you mean 'cosine'"),
        (lambda g, b: g.similar(b, model="toi"), UnknownNameError, "did you mean 'toy'"),
    ],
)
def test_mistakes(made: Any, base: int, ask: Any, error: type[GraphlabError], message: str) -> None:
    with pytest.raises(error, match=message):
        ask(made.graph, base)


def test_partners_that_look_alike_in_one_statement(made: Any) -> None:
    """A pattern, its neurons' mean vectors and their cosine, all in SQL."""
    found = made.graph.query(
        """
        WITH mean AS (
            SELECT root_id, CAST([avg(vector[1]), avg(vector[2]), avg(vector[3]), avg(vector[4]), avg(vector[5]),
                   avg(vector[6])] AS DOUBLE[6]) AS v FROM embeddings GROUP BY root_id
        )
        SELECT m.a, m.b, array_cosine_similarity(x.v, y.v) AS alike
        FROM GRAPH_TABLE (connectome MATCH (a)-[e IS synapse WHERE e.weight >= 6]->(b)
             WHERE a.root_id <> b.root_id COLUMNS (a.root_id AS a, b.root_id AS b)) AS m
        JOIN mean AS x ON x.root_id = m.a JOIN mean AS y ON y.root_id = m.b
        WHERE array_cosine_similarity(x.v, y.v) > 0.9 ORDER BY alike DESC, a, b
        """
    ).to_pandas()
    ids, vectors = means(made)
    vector = dict(zip(ids.tolist(), vectors, strict=True))
    strong = made.connections.query("weight >= 6 and pre_root_id != post_root_id")
    wanted = {
        (a, b): cosine(vector[a], vector[b])
        for a, b, _ in strong.itertuples(index=False)
        if a in vector and b in vector and cosine(vector[a], vector[b]) > 0.9
    }
    assert len(wanted) > 3
    assert {(r.a, r.b): r.alike for r in found.itertuples()} == pytest.approx(wanted, abs=1e-5)


def test_nodes_of_partners_in_one_statement(made: Any, base: int) -> None:
    """Single nodes compare as the fixed-size arrays they are stored as."""
    found = made.graph.query(
        """
        SELECT m.b, max(array_cosine_similarity(x.vector, y.vector)) AS alike
        FROM GRAPH_TABLE (connectome MATCH (a WHERE a.root_id = $id)-[e IS synapse]->(b)
             COLUMNS (a.root_id AS a, b.root_id AS b)) AS m
        JOIN embeddings AS x ON x.root_id = m.a JOIN embeddings_toy AS y ON y.root_id = m.b
        GROUP BY ALL ORDER BY b
        """,
        parameters={"id": base + 2},
    ).to_pandas()
    partners = made.connections.loc[made.connections.pre_root_id == base + 2, "post_root_id"]
    wanted = {
        b: max(cosine(x, y) for x in made.vectors[base + 2] for y in made.vectors[b])
        for b in partners
        if b in made.vectors
    }
    assert dict(zip(found.b, found.alike, strict=True)) == pytest.approx(wanted, abs=1e-5)
