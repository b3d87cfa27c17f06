"""Every order of the vertices gives the same matches; lists far apart in length; two vertices that meet."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from queries.csr.needs import needs_of
from queries.csr.program import Loaded, best_order, compiled, four_cycle_program, load
from queries.csr.relations import Relations
from queries.csr.run import CSRRun
from queries.engine import Source, parse, run
from queries.planning.bind import bind
from queries.planning.rewrites import rewrite
from queries.source import Limits

PATTERNS = {
    "feed-forward": "(a)-[e]->(b)-[f]->(c), (a)-[g]->(c)",
    "3-cycle": "(a)-[e]->(b)-[f]->(c)-[g]->(a)",
    "4-cycle": "(a)-[e]->(b)-[f]->(c)-[g]->(d)-[h]->(a)",
    "bi-fan": "(a)-[e]->(c), (a)-[f]->(d), (b)-[g]->(c), (b)-[h]->(d)",
    "bi-parallel": "(a)-[e]->(b)-[f]->(d), (a)-[g]->(c)-[h]->(d)",
    "chord": "(a)-[e]->(b)-[f]->(d), (a)-[g]->(c)-[h]->(d), (a)-[i]->(d)",
    "no way back": "(a)-[e]->(b)-[f]->(c), (a)-[g]->(c) WHERE NOT EXISTS { (c)-[]->(a) }",
}
KEEP = ["", "KEEP DISTINCT VERTICES", "KEEP INDUCED", "KEEP DISTINCT EDGES"]


def hubs(seed: int, neurons: int = 120, draws: int = 900) -> Source:
    """A few neurons have most connections, so that lists differ by far more than the kernel's switch; autapses too."""
    rng = np.random.default_rng(seed)
    chance = 1.0 / np.arange(1, neurons + 1)
    chance /= chance.sum()
    key = np.unique(
        rng.choice(neurons, draws, p=chance) * neurons + rng.choice(neurons, draws, p=rng.permutation(chance))
    )
    connection: Any = duckdb.connect()
    connection.register(
        "given",
        pa.table(
            {
                "pre_root_id": (key // neurons).astype(np.uint64),
                "post_root_id": (key % neurons).astype(np.uint64),
                "weight": rng.integers(1, 9, len(key)).astype(float),
            }
        ),
    )
    connection.execute("CREATE TABLE connections AS SELECT *, 'chemical' AS kind FROM given").fetchall()
    connection.execute(
        f"CREATE TABLE neurons AS SELECT CAST(i AS UBIGINT) AS root_id, 'A' AS cell_type FROM range({neurons}) AS r(i)"
    ).fetchall()
    return Source(connection)


def loaded_of(source: Source, text: str) -> Loaded:
    pattern = parse(text).slots[0].pattern
    bound = bind(pattern, source, text)
    needs = needs_of(bound.bound_pattern(rewrite(bound.pattern)))
    return load(needs, Relations(needs.bound, source, {}, Limits()), {})


def text_of(pattern: str, keep: str) -> str:
    return f"SELECT count(*) FROM GRAPH_TABLE (connectome MATCH {pattern} {keep} COLUMNS (a.root_id AS a))"


@pytest.mark.parametrize("keep", KEEP)
@pytest.mark.parametrize("name", PATTERNS)
def test_every_order_finds_what_sql_finds(name: str, keep: str) -> None:
    source = hubs(len(name) + len(keep))
    text = text_of(PATTERNS[name], keep)
    wanted = run(text, source, engine="duckdb").scalar()
    loaded = loaded_of(source, text)
    assert wanted > 0
    for number, order in enumerate(permutations(loaded.variables)):
        program = compiled(loaded, order)
        assert CSRRun(Limits(), 1).count(program) == wanted
        if number % 3 == 0:
            batches = list(CSRRun(Limits(), 2).matches(program))
            found = np.concatenate([np.empty((0, len(order)), np.int32), *batches])
            assert len(found) == wanted
            assert len(np.unique(found, axis=0)) == wanted
    assert run(text, source, engine="csr").scalar() == wanted


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "WHERE a.root_id < c.root_id",
        "WHERE a.root_id < b.root_id AND a.root_id > d.root_id AND c.root_id < d.root_id",
    ],
)
@pytest.mark.parametrize("keep", KEEP[:2])
@pytest.mark.parametrize("name", ["4-cycle", "bi-fan", "bi-parallel"])
def test_two_vertices_that_meet_over_two_others_are_counted_by_paths(name: str, keep: str, condition: str) -> None:
    for seed in range(4):
        source = hubs(seed, 60 + 20 * seed, 500)
        text = text_of(f"{PATTERNS[name]} {condition}", keep)
        loaded = loaded_of(source, text)
        met = four_cycle_program(loaded)
        if met is None:  # an order between the two in the middle, from whichever side
            assert condition
            continue
        assert CSRRun(Limits(), 1).meetings(met) == run(text, source, engine="duckdb").scalar()
        assert CSRRun(Limits(), 3).meetings(met) == CSRRun(Limits(), 1).meetings(met)


def test_a_selective_vertex_comes_first() -> None:
    source = hubs(3)
    pattern = "(a)-[e]->(b)-[f]->(c WHERE c.root_id = 5), (a)-[g]->(c)"
    order, entries = best_order(loaded_of(source, text_of(pattern, "")))
    assert order[0] == "c"
    assert entries < best_order(loaded_of(source, text_of(PATTERNS["feed-forward"], "")))[1]
