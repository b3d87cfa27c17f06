"""Live graphs at a fly brain's size and ten times that: events a second, time of a batch, of one triad update.

The graphs are random with heavy-tailed degrees, a synapse or two a connection. GRAPHLAB_LIVE_LARGE=1 adds ten times the
fly brain (27 M synapses, about 6 GB); GRAPHLAB_LIVE_SMALL=1 is for trying them out, and says nothing.
GRAPHLAB_LIVE_RATE, _SECONDS and _EVENTS say how much is fed.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.live.events import SCHEMA
from graphlab.live.feed import Feed, Settings
from graphlab.live.wiring.load import load

SIZES = (
    [(2_000, 20_000)]
    if os.environ.get("GRAPHLAB_LIVE_SMALL")
    else [(139_255, 2_700_000)] + ([(1_392_550, 27_000_000)] if os.environ.get("GRAPHLAB_LIVE_LARGE") else [])
)
EVENTS, BATCH = 200_000, 2_048


def synapses(rng: np.random.Generator, neurons: int, count: int, first: int) -> dict[str, Any]:
    """Ends by two independent rankings of neurons: total degrees up to about 6,000 at the size of a fly."""
    rank = [np.random.default_rng(side).permutation(neurons).astype(np.uint64) + np.uint64(1) for side in (1, 2)]
    chosen = [(neurons * rng.random(count) ** 1.6).astype(np.int64) for _ in rank]
    return {
        "synapse_id": np.arange(first, first + count, dtype=np.uint64),
        "pre_root_id": rank[0][chosen[0]],
        "post_root_id": rank[1][chosen[1]],
    }


def events(columns: dict[str, Any], sequence: int) -> pa.Table:
    count = len(columns["synapse_id"])
    numbers = np.arange(sequence, sequence + count, dtype=np.uint64)
    always = {
        "version": pa.array(np.ones(count, np.uint16)),
        "producer": pa.array(["bench"] * count),
        "sequence": numbers,
        "event_id": pa.array(numbers.astype(str)),
        "action": pa.array(["synapse_added"] * count),
    }
    return pa.table(always | columns)


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[1]:,}")
def grown(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, int]:
    neurons, count = request.param
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table(synapses(np.random.default_rng(0), neurons, count, 1)), as_="synapses")
    return tmp_path / "g", neurons


def test_events_a_second_and_time_of_a_batch(grown: tuple[Path, int], side_by_side: Any) -> None:
    """From Arrow files in a folder to committed, with triads and (least weight out of reach) without."""
    graph, neurons = grown
    rng = np.random.default_rng(9)
    told = []
    for number, (least, called) in enumerate(((1, "with triads"), (2**30, "without"))):
        place = graph.parent / f"events{number}"
        place.mkdir()
        table = events(synapses(rng, neurons, EVENTS, 10**9 + number * EVENTS), 1 + number * EVENTS)
        assert set(table.column_names) <= set(SCHEMA.names)
        with pa.ipc.new_file(str(place / "1.arrow"), table.schema) as writer:
            writer.write_table(table, max_chunksize=BATCH)
        with Graph.open(graph) as opened, Feed(opened.folder, str(place), Settings(least=least, most=BATCH)) as feed:
            feed.step(0.0)
            start, cpu = time.perf_counter(), time.process_time()
            feed.run(threading.Event(), until_idle_s=0.0)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            waits = sorted(feed.status.latency_s)
            told.append(
                f"{called}: {EVENTS / seconds:,.0f} events/s ({EVENTS / cpu:,.0f} a processor second), batch of "
                f"{BATCH:,} p50 {1e3 * statistics.median(waits):.1f} ms, "
                f"p99 {1e3 * waits[int(0.99 * len(waits))]:.1f} ms"
            )
            assert feed.status.dead_letters == 0
            if least == 1:
                opened.folder.known = {}
                view = opened.snapshot()
                assert feed.follower.wiring.connections == view.m
    side_by_side.note(f"live, {neurons:,} neurons: {'; '.join(told)}")


def test_one_triad_update(grown: tuple[Path, int], side_by_side: Any) -> None:
    """A synapse at a time, in memory: the median, and the 99th percentile beside the degrees of its neurons."""
    graph, neurons = grown
    with Graph.open(graph) as opened:
        wiring = load(opened.folder)
    batch = np.arange(20_000)
    rows = synapses(np.random.default_rng(4), neurons, len(batch), 10**10)
    seconds, degrees = _one_by_one(wiring, rows)
    by = np.sort(seconds)
    slow = degrees[np.argsort(seconds)[int(0.99 * len(seconds)) :]]
    side_by_side.note(
        f"live, one synapse with its triads among {neurons:,} neurons: median {1e6 * np.median(by):.1f} us (of which "
        f"{1e6 * _call(wiring):.1f} us are the call from Python), p99 {1e6 * by[int(0.99 * len(by))]:.1f} us, "
        f"where both neurons have {int(np.median(slow)):,} partners in the median"
    )


def _one_by_one(wiring: Any, rows: dict[str, Any]) -> tuple[Any, Any]:
    from graphlab.live.wiring import kernels
    from graphlab.live.wiring.state import Rows

    count = len(rows["synapse_id"])
    pre, post = (wiring.nodes_of(rows[name]) for name in ("pre_root_id", "post_root_id"))
    wiring.reserve(count)
    wiring._more_room(2)
    zeros = np.zeros(count, np.uint64)
    ones = np.ones(count, np.int64)
    every = Rows(rows["synapse_id"], rows["pre_root_id"], rows["post_root_id"], ones, ones, 0 * ones,
                 zeros.astype(np.int32), zeros.astype(np.int32), zeros, zeros)  # fmt: skip
    slots = wiring._as_slots(every, np.zeros(count, bool))
    outcome = np.zeros(count, np.uint8)
    step: Callable[..., Any] = kernels.change_synapses
    state = (wiring.synapses, wiring.nodes, wiring.kinds, wiring.pools, wiring.sides, wiring.dyads)
    degree = wiring.dyads.length[pre] + wiring.dyads.length[post]
    seconds = np.zeros(count)
    for row in range(count - 1):
        ends = pre[: row + 1], post[: row + 1]
        start = time.perf_counter()
        step(*state, slots, *ends, outcome, row, wiring.now)
        seconds[row] = time.perf_counter() - start
    return seconds[1:-1], degree[1:-1]


def _call(wiring: Any) -> float:
    """Seconds of a call that has nothing to do."""
    from graphlab.live.wiring import kernels
    from graphlab.live.wiring.state import Rows

    none = np.zeros(0, np.uint64)
    slots = wiring._as_slots(Rows(none, none, none, none, none, none, none, none, none, none), none.astype(bool))
    state = (wiring.synapses, wiring.nodes, wiring.kinds, wiring.pools, wiring.sides, wiring.dyads)
    empty = np.zeros(0, np.int32)
    times = []
    for _ in range(2_000):
        start = time.perf_counter()
        kernels.change_synapses(*state, slots, empty, empty, np.zeros(0, np.uint8), 0, wiring.now)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def test_fifty_kills(tmp_path: Path, side_by_side: Any) -> None:
    """kill -9 of the consumer at random moments, fifty times; the graph is that of a run without trouble."""
    rng, count = np.random.default_rng(0), 60_000
    table = events(synapses(rng, 500, count, 1), 1)
    for name in ("clean", "killed"):
        Graph.create(tmp_path / name).close()
    (tmp_path / "events").mkdir()
    with pa.ipc.new_file(str(tmp_path / "events" / "1.arrow"), table.schema) as writer:
        writer.write_table(table, max_chunksize=BATCH)
    code = (
        "import sys, threading\nfrom graphlab.graph import Graph\nfrom graphlab.live.feed import Feed, Settings\n"
        "with Graph.open(sys.argv[1]) as g, Feed(g.folder, sys.argv[2], Settings(most=50, fold_rows=2_000)) as feed:\n"
        "    feed.listeners.append(lambda done, status: print(status.position, flush=True))\n"
        "    feed.run(threading.Event(), 0.0)\n"
    )
    kills = 0
    while kills < 50:
        words = [sys.executable, "-c", code, str(tmp_path / "killed"), str(tmp_path / "events")]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as consumer:
            assert consumer.stdout is not None
            consumer.stdout.readline()
            time.sleep(float(rng.uniform(0, 0.5)))
            consumer.kill()
        kills += 1
    found = []
    for name in ("clean", "killed"):
        with Graph.open(tmp_path / name) as graph:
            status = graph.live.replay(str(tmp_path / "events"))
            asked = (
                "FROM connections SELECT pre_root_id, post_root_id, weight ORDER BY ALL",
                "FROM synapses SELECT synapse_id, pre_root_id, post_root_id ORDER BY ALL",
                "FROM neurons SELECT root_id, total_in, total_out ORDER BY ALL",
            )
            found.append([graph.folder.cursor().execute(sql).fetchall() for sql in asked])
    assert found[0] == found[1]
    side_by_side.note(
        f"live, 50 kills: {count:,} events, {status.events:,} of them left after the last kill; one graph"
    )


def test_from_an_event_to_where_it_is_seen(grown: tuple[Path, int], side_by_side: Any) -> None:
    """A producer at a steady rate: when its events are in the tables and the census; how long a snapshot takes then.

    GRAPHLAB_LIVE_RATE events a second, half of what is aimed at with triads by default, for GRAPHLAB_LIVE_SECONDS.
    """
    graph, neurons = grown
    rate, seconds = (int(os.environ.get(f"GRAPHLAB_LIVE_{n}", d)) for n, d in (("RATE", 5_000), ("SECONDS", 20)))
    place = graph.parent / "steady"
    place.mkdir()
    part = max(1, rate // 50)
    table = events(synapses(np.random.default_rng(5), neurons, rate * seconds, 10**11), 1)
    written: list[tuple[float, int]] = []

    def produce() -> None:
        begun = time.perf_counter()
        for number, first in enumerate(range(0, table.num_rows, part)):
            time.sleep(max(0.0, begun + first / rate - time.perf_counter()))
            new = place / f".{number:08d}.arrow"
            rows = table.slice(first, part)
            with pa.ipc.new_file(str(new), rows.schema) as writer:
                writer.write_table(rows)
            new.rename(place / new.name[1:])
            written.append((time.perf_counter(), first + rows.num_rows))

    waits: list[float] = []
    with Graph.open(graph) as opened, Feed(opened.folder, str(place), Settings(most=BATCH)) as feed:
        producer = threading.Thread(target=produce)
        producer.start()
        while feed.status.position < table.num_rows:
            feed.step(0.2)
            now = time.perf_counter()
            waits += [now - when for when, last in written[len(waits) :] if last <= feed.seen.position]
        producer.join()
        assert (feed.status.dead_letters, len(waits)) == (0, len(written))
        start = time.perf_counter()
        assert opened.snapshot().m == feed.seen.connections
        whole = time.perf_counter() - start
    by = np.sort(waits)
    side_by_side.note(
        f"live, {neurons:,} neurons, {rate:,} events/s for {seconds} s, from written to seen in tables and census: p50 "
        f"{1e3 * by[len(by) // 2]:.0f} ms, p99 {1e3 * by[int(0.99 * len(by))]:.0f} ms of {len(by):,} files; the next "
        f"snapshot takes {whole:.2f} s"
    )


def test_memory_stays_flat(tmp_path: Path, side_by_side: Any) -> None:
    """Synapses that come and go, GRAPHLAB_LIVE_EVENTS of them (20 million are aimed at): memory at each tenth."""
    count, neurons, here = int(os.environ.get("GRAPHLAB_LIVE_EVENTS", 400_000)), 20_000, 100_000
    place, block = tmp_path / "events", 20_000
    place.mkdir()
    rng, sequence = np.random.default_rng(0), 1
    resident: list[float] = []
    with Graph.create(tmp_path / "g") as graph, Feed(graph.folder, str(place), Settings(keep=block)) as feed:
        while sequence <= count:
            table = events(synapses(rng, neurons, block, sequence), sequence)
            if sequence > here:  # as many go as come
                gone = np.arange(block) % 2 == 1
                old = (sequence - here + np.arange(block) - 1).astype(np.uint64)
                ids = np.where(gone, old, table["synapse_id"].to_numpy())
                actions = pa.array(np.where(gone, "synapse_removed", "synapse_added"))
                table = table.set_column(table.column_names.index("synapse_id"), "synapse_id", pa.array(ids))
                table = table.set_column(table.column_names.index("action"), "action", actions)
            for done in place.iterdir():
                done.unlink()
            with pa.ipc.new_file(str(place / f"{sequence:012d}.arrow"), table.schema) as writer:
                writer.write_table(table)
            while feed.step(0.0):
                pass
            sequence += block
            if (sequence - 1) * 10 // count > len(resident):
                resident.append(_resident_mib())
        assert feed.status.position == sequence - 1
        size = sum(file.stat().st_size for file in (tmp_path / "g").iterdir() if file.is_file()) / 2**20
        synapse_count = feed.seen.synapses
    side_by_side.note(
        f"live, memory over {sequence - 1:,} events ({synapse_count:,} synapses at the end, history of the last "
        f"{block:,}): {', '.join(f'{one:.0f}' for one in resident)} MiB resident, {size:.0f} MiB on disk"
    )


def _resident_mib() -> float:
    """Of this process now, not at its highest."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
