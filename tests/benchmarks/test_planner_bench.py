"""The planner's choice on pairs of pattern and graph that its constants were not fitted on.

Graphs of four kinds and several sizes, patterns of nine shapes, weights, types and single neurons asked for, rows or
counts: PAIRS of them drawn with a seed (``GRAPHLAB_PLANNER_SEED`` draws others). Statistics of the tables are taken
before, as they are once for a table; "first" means that no lists are kept, "again" that they are. One engine answers
three times, then the other; what counts is the least processor time of all threads, which others on a machine stretch
least. Cold questions, where kernels are still to be loaded, are in test_startup_bench.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from queries.engine import Source, run
from queries.source import LimitError

SEED = int(os.environ.get("GRAPHLAB_PLANNER_SEED", "20"))
PAIRS = 48
LONGEST = 10.0
NOTICED = 0.01
"""Seconds: what a person does not notice is no wrong choice."""

SHAPES = {
    "2-path": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse{F}]->(c)",
    "fan-in": "(a{A})-[e IS synapse{E}]->(c)<-[f IS synapse{F}]-(b)",
    "feed-forward": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse{F}]->(c), (a)-[g IS synapse{F}]->(c)",
    "3-cycle": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse{F}]->(c)-[g IS synapse{E}]->(a)",
    "reciprocal with a tail": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse]->(a), (b)-[g IS synapse{F}]->(c)",
    "bi-fan": "(a{A})-[e IS synapse{E}]->(c)<-[f IS synapse{F}]-(b), (a)-[g IS synapse{E}]->(d)<-[h IS synapse{F}]-(b)",
    "4-cycle": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse{F}]->(c)-[g IS synapse{E}]->(d)-[h IS synapse{F}]->(a)",
    "diamond": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse{F}]->(d), "
    "(a)-[g IS synapse{E}]->(c)-[h IS synapse{F}]->(d)",
    "loop with a tail": "(a{A})-[e IS synapse{E}]->(b)-[f IS synapse{F}]->(c), "
    "(a)-[g IS synapse]->(c)-[h IS synapse{E}]->(d)",
}  # fmt: skip
FILTERS = ("none", "strong", "very strong", "first strong", "a type", "one neuron")
KINDS = ("brain", "even", "ring", "dense")
SIZES = ((500, 10_000), (3_000, 30_000), (5_000, 150_000), (40_000, 400_000))


def made(brain: Callable[..., Any], kind: str, neurons: int, connections: int, seed: int) -> pa.Table:
    """Connections of a made graph, each ordered pair once, weights as heavy-tailed as a fly's."""
    if kind == "brain":
        table: pa.Table = brain(neurons, connections, seed=seed).table()
        return table
    rng = np.random.default_rng(seed)
    if kind == "dense":
        neurons = int(4 * connections**0.5)
    pre = rng.integers(0, neurons, connections)
    step = rng.geometric(0.02, connections) if kind == "ring" else rng.integers(1, neurons, connections)
    key = np.unique(pre * neurons + (pre + step) % neurons)
    pre, post = key // neurons + 1, key % neurons + 1
    kept = pre != post
    weight = 4.0 + rng.geometric(0.2, len(key))
    ends = {"pre_root_id": pre[kept].astype(np.uint64), "post_root_id": post[kept].astype(np.uint64)}
    return pa.table({**ends, "weight": weight[kept]})


def held_out(seed: int, pairs: int) -> list[tuple[str, tuple[int, int], str, str, bool]]:
    """Kind, size, shape, filter, counted of pairs that differ; bi-fans over strong edges are always among them."""
    rng = np.random.default_rng(seed)
    every = [
        (kind, size, shape, wanted, counted)
        for kind in KINDS
        for size in SIZES
        for shape in SHAPES
        for wanted in FILTERS
        for counted in (False, True)
    ]
    first = [one for one in every if one[0] == "brain" and one[2] == "bi-fan" and one[3] == "strong" and not one[4]]
    chosen = [every[i] for i in rng.permutation(len(every)) if every[i] not in first]
    return sorted([*first, *chosen[: pairs - len(first)]])


def graph_table(pattern: str, columns: str, out: str) -> str:
    return f"SELECT {out} FROM GRAPH_TABLE (connectome MATCH {pattern} COLUMNS ({columns}))"


def question(shape: str, wanted: str, counted: bool) -> str:
    a = {"a type": " WHERE a.cell_type = 't3'", "one neuron": " WHERE a.root_id = 77"}.get(wanted, "")
    least = {"strong": (12, 12), "very strong": (22, 22), "first strong": (20, 0)}.get(wanted, (0, 0))
    e, f = (" WHERE {}.weight >= " + str(number) if number else "" for number in least)
    text = SHAPES[shape].replace("{A}", a)
    for variable in "efgh":
        for mark, condition in (("{E}", e), ("{F}", f)):
            text = text.replace(
                f"[{variable} IS synapse{mark}]", f"[{variable} IS synapse{condition.format(variable)}]"
            )
    columns = "a.root_id AS a, b.root_id AS b, c.root_id AS c"
    return graph_table(text, columns, "count(*)" if counted else "*")


def asked(text: str, source: Source, engine: str, kept: bool) -> tuple[float, Any]:
    """Least processor seconds of three answers (one where it is long), and the rows or the count.

    Args:
        kept: leave the engine its lists of earlier answers, and count no answer that makes them.
    """
    seconds: list[float] = []
    answer: Any = None
    while len(seconds) < 3 and (not seconds or seconds[0] < 0.5):
        if not kept:
            source.cache.pop("csr", None)
        begin = time.process_time()
        try:
            table = run(text, source, engine=engine, time_limit=LONGEST).table
        except LimitError:
            return time.process_time() - begin, None
        seconds.append(time.process_time() - begin)
        answer = table.column(0)[0].as_py() if "count(*)" in text else len(table)
    return min(seconds), answer


def regrets(source: Source, text: str) -> list[tuple[float, str]]:
    """The first time and again: how many times longer the chosen engine takes than the other one, and a line."""
    found = []
    # Statistics are taken once for a table, and the rows that they come from are kept for a join.
    run(text, source, explain=True)
    for kept in (False, True):
        if not kept:
            source.cache.pop("csr", None)
        chosen = run(text, source, explain=True).engine
        taken = {engine: asked(text, source, engine, kept) for engine in ("duckdb", "csr")}
        answers = {answer for _, answer in taken.values() if answer is not None}
        assert len(answers) <= 1, (text, taken)
        mine, other = taken[chosen][0], taken["csr" if chosen == "duckdb" else "duckdb"][0]
        ratio = mine / other if mine - other > NOTICED else min(1.0, mine / other)
        if not answers:
            ratio = 1.0
        times = f"duckdb {taken['duckdb'][0]:.4f} | csr {taken['csr'][0]:.4f} | chose {chosen} | {ratio:.2f}"
        found.append((ratio, f"{'again' if kept else 'first'} | {times}{'' if answers else ' | neither answered'}"))
    return found


@pytest.mark.timeout(3600)
def test_the_choice_holds_on_pairs_that_were_not_fitted(
    side_by_side: Any, brain: Callable[..., Any], open_source: Callable[..., Source]
) -> None:
    """The engine that is chosen takes at most twice what the other takes."""
    ratios: list[tuple[float, str]] = []
    sources: dict[Any, Source] = {}
    for kind, size, shape, wanted, counted in held_out(SEED, PAIRS):
        if (kind, size) not in sources:
            table = made(brain, kind, *size, seed=SEED)
            highest = int(max(table.column(0).to_numpy().max(), table.column(1).to_numpy().max()))
            sources = {(kind, size): open_source(highest, table)}
        source, text = sources[kind, size], question(shape, wanted, counted)
        run(graph_table(SHAPES["3-cycle"].replace("{A}", "").replace("{E}", "").replace("{F}", ""), "a.root_id AS a",
                        "count(*)"), source, engine="csr")  # fmt: skip
        what = f"{kind} {size[0]:,} / {size[1]:,} | {shape} | {wanted} | {'count' if counted else 'rows'}"
        for ratio, line in regrets(source, text):
            ratios.append((ratio, f"{what} | {line}"))
            print(ratios[-1][1], flush=True)
    for _, line in sorted(ratios, reverse=True)[:8]:
        side_by_side.note(line)
    side_by_side.note(f"planner, {len(ratios)} choices not fitted on (seed {SEED}): worst ratio {max(ratios)[0]:.2f}")
    assert max(ratios)[0] <= 2, max(ratios)[1]
