"""Side-by-side measurement: peer and ours in interleaved rounds of one run, one table at the end.

Every row states the median, the fastest round and the spread; ratios are between medians of the same run.
Processor seconds (median, all threads and children) stand beside them, for machines that others use as well.
Warm-up rounds (compilation, page cache) run first and are not counted.
"""

from __future__ import annotations

import faulthandler
import functools
import gc
import platform
import resource
import statistics
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import psutil
import pyarrow as pa
import pytest

from queries.engine import Source
from queries.snapshot import Snapshot

NEURONS, CONNECTIONS = 139_255, 2_700_000
"""The size of the thresholded whole-brain fly connectome."""

ROWS: list[tuple[str, ...]] = []
NOTES: list[str] = []


@dataclass
class Measured:
    """What one contender did: seconds of each round, its last result, peak memory above the start."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    """Processor seconds of this process and its children: what a busy machine does not stretch."""
    result: Any = None
    peak_mb: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class _PeakMemory:
    """Resident memory of this process and its children, sampled every 10 ms; the growth since the start."""

    def __enter__(self) -> _PeakMemory:
        self._process = psutil.Process()
        self._start = self._now()
        self.peak = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _now(self) -> float:
        total = 0
        for process in [self._process, *self._process.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total / 2**20

    def _watch(self) -> None:
        while not self._stop.wait(0.01):
            self.peak = max(self.peak, self._now() - self._start)

    def __exit__(self, *_: object) -> None:
        self.peak = max(self.peak, self._now() - self._start)
        self._stop.set()
        self._thread.join()


def _cpu_seconds() -> float:
    """User and system time of this process and of the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


class SideBySide:
    """Run contenders in interleaved rounds and add one row each to the closing table."""

    def __call__(
        self,
        task: str,
        contenders: dict[str, Callable[[], Any]],
        *,
        rounds: int = 5,
        warmup: int = 1,
        rounds_of: dict[str, int] | None = None,
        work: float | None = None,
        unit: str = "",
    ) -> dict[str, Measured]:
        """Measure; the first contender is ours, ratios say how many times longer the others took.

        Args:
            task: first column of the table.
            contenders: name -> function without arguments; ours first.
            rounds, warmup: counted and uncounted rounds.
            rounds_of: other numbers of rounds (0 warm-ups) for contenders that take minutes.
            work, unit: amount of work a round does, to print a rate (rows, neurons).
        """
        rounds_of = rounds_of or {}
        measured = {name: Measured() for name in contenders}
        for name, run in contenders.items():
            for _ in range(0 if name in rounds_of else warmup):
                run()
        for number in range(max([rounds, *rounds_of.values()])):
            for name, run in contenders.items():
                if number >= rounds_of.get(name, rounds):
                    continue
                gc.collect()
                with _PeakMemory() as memory:
                    start, cpu = time.perf_counter(), _cpu_seconds()
                    measured[name].result = run()
                    measured[name].seconds.append(time.perf_counter() - start)
                    measured[name].cpu.append(_cpu_seconds() - cpu)
                measured[name].peak_mb = max(measured[name].peak_mb, memory.peak)
        ours = next(iter(measured.values())).median
        for name, m in measured.items():
            rate = f"{work / m.median:,.0f} {unit}/s" if work else ""
            spread = f"{min(m.seconds):.4g} .. {max(m.seconds):.4g}"
            ROWS.append(
                (
                    task,
                    name,
                    f"{m.median:.4g}",
                    spread,
                    str(len(m.seconds)),
                    rate,
                    f"{m.median / ours:.2f}x",
                    f"{statistics.median(m.cpu):.3g}",
                    f"{m.peak_mb:,.0f}",
                )
            )
        return measured

    def note(self, text: str) -> None:
        """A line under the table (roofs, conditions, counts that agreed)."""
        NOTES.append(text)


@dataclass(frozen=True)
class Brain:
    """A made brain: ordered pairs of neuron numbers, each once, no autapses, ascending; a weight for each."""

    neurons: int
    pre: npt.NDArray[np.int64]
    post: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float64]

    def ids(self) -> npt.NDArray[np.uint64]:
        return np.arange(1, self.neurons + 1, dtype=np.uint64)

    def snapshot(self) -> Snapshot:
        return Snapshot.from_edges(self.ids(), self.pre, self.post, self.weight)

    def table(self) -> pa.Table:
        ids = self.ids()
        return pa.table({"pre_root_id": ids[self.pre], "post_root_id": ids[self.post], "weight": self.weight})


@functools.cache
def made_brain(
    neurons: int = NEURONS, connections: int = CONNECTIONS, *, least: int = 5, dense_blocks: bool = False, seed: int = 7
) -> Brain:
    """Heavy-tailed degrees, alike for in and out; most draws inside blocks of neurons, some mirrored.

    Args:
        least: of the weights, which are geometric: from 5 a third is 10 or more, from 1 a fortieth.
        dense_blocks: blocks of 100 with hubs of their own and heavier tails, so that triads close as often as in the
            fly; else blocks of 500.
    """
    rng = np.random.default_rng(seed)
    tail, block, local_share, mirrored_share = (1.9, 100, 0.63, 0.055) if dense_blocks else (3.0, 500, 0.6, 0.08)
    common = rng.lognormal(0.0, 0.5, neurons) * (1 + rng.pareto(tail, neurons))
    out, into = (np.cumsum(common * rng.lognormal(0.0, 0.5, neurons)) for _ in "oi")

    def draw(count: int) -> npt.NDArray[np.int64]:
        pre, post = (np.minimum(np.searchsorted(of, rng.random(count) * of[-1]), neurons - 1) for of in (out, into))
        local = rng.random(count) < local_share
        place = rng.random(int(local.sum())) ** (1.5 if dense_blocks else 1.0) * block
        post[local] = np.minimum(pre[local] // block * block + place.astype(np.int64), neurons - 1)
        mirrored = rng.random(count) < mirrored_share
        key = np.concatenate([pre * neurons + post, post[mirrored] * neurons + pre[mirrored]])
        return key[key // neurons != key % neurons]

    def once(key: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        key.sort()  # a sixth of the time that np.unique takes for so many
        return key[np.concatenate([[True], key[1:] != key[:-1]])]

    key = once(draw(int(connections * 1.4)))
    while len(key) < connections:
        key = once(np.concatenate([key, draw(connections // 4)]))
    key = key[np.sort(rng.choice(len(key), connections, replace=False, shuffle=False))]
    weight = least - 1 + rng.geometric(0.2 if least > 1 else 0.336, connections)
    return Brain(neurons, key // neurons, key % neurons, weight.astype(np.float64))


@pytest.fixture(scope="session")
def brain() -> Callable[..., Brain]:
    """The one maker of graphs for benchmarks; the size of the fly's unless said."""
    return made_brain


@pytest.fixture(scope="session")
def fly(brain: Callable[..., Brain]) -> Snapshot:
    """139,255 neurons, 2.7 million connections."""
    return brain().snapshot()


def write_pairs(path: Path, count: int) -> int:
    """Feather as the male CNS has it, body_pre, body_post, weight: every pair once, in no order.

    Few neurons have many partners; half of these are neighbours, so that triads close and pairs are mutual.

    Returns:
        How many have weight 5 or more.
    """
    rng = np.random.default_rng(0)
    ids = np.sort(rng.choice(2**40, NEURONS, replace=False))
    drawn = np.minimum(1 + rng.pareto(2.5, NEURONS), 30)
    first = np.concatenate([[0], np.cumsum(drawn * (count / drawn.sum())).astype(np.int64)])
    first[-1] = count
    near = np.stack([np.arange(1, 2_001), NEURONS - np.arange(1, 2_001)], axis=1).reshape(-1)
    far = rng.permutation(np.arange(2_001, NEURONS - 2_000))
    # Places of partners seen from a neuron, each once: near and far in turns, then what is left of far.
    away = np.concatenate([np.stack([near, far[: len(near)]], axis=1).reshape(-1), far[len(near) :]])
    assert np.diff(first).max() < NEURONS
    schema = pa.schema([("body_pre", pa.int64()), ("body_post", pa.int64()), ("weight", pa.int32())])
    strong = 0
    with (
        pa.OSFile(str(path), "wb") as sink,
        pa.ipc.new_file(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer,
    ):
        for start in range(0, count, 1_000_000):
            # Times a number without a common factor, row numbers come once each and in another order.
            own = np.arange(start, min(count, start + 1_000_000)) * 15_485_863 % count
            pre = np.searchsorted(first, own, side="right") - 1
            post = (pre + away[own - first[pre]]) % NEURONS
            weight = rng.geometric(0.336, len(own)).astype(np.int32)
            strong += int((weight >= 5).sum())
            writer.write_batch(pa.record_batch([ids[pre], ids[post], weight], schema=schema))
    return strong


@pytest.fixture(scope="session")
def pairs_in_feather() -> Callable[[Path, int], int]:
    """The one maker of files of pairs that are larger than memory."""
    return write_pairs


def source_of(neurons: int, table: pa.Table) -> Source:
    """The graph in memory, tables as in a graph folder; a tenth of the neurons of each of ten types."""
    connection: Any = duckdb.connect(config={"threads": "2"})
    connection.register("given", table)
    for statement in (
        f"""CREATE TABLE neurons AS SELECT CAST(i AS UBIGINT) AS root_id, 'n' || i AS name, 't' || (i * 7919 % 10)
            AS cell_type, 'intrinsic' AS super_class, 'left' AS side, 'ACH' AS nt_type, true AS in_graph,
            0.0 AS total_in, 0.0 AS total_out FROM range(1, {neurons + 1}) AS r(i)""",
        """CREATE TABLE connections AS SELECT pre_root_id, post_root_id, weight, 'chemical' AS kind,
           NULL::VARCHAR AS neuropil, NULL::VARCHAR AS nt_type FROM given""",
    ):
        connection.execute(statement).fetchall()
    connection.unregister("given")
    return Source(connection)


@pytest.fixture(scope="session")
def open_source() -> Callable[..., Source]:
    """The one maker of graphs in memory from a table of connections."""
    return source_of


@pytest.fixture(scope="session")
def side_by_side() -> SideBySide:
    return SideBySide()


@pytest.fixture(autouse=True)
def _no_end_of_long_runs() -> None:
    """A bench may take hours: what ends a hanging test after minutes is put off."""
    faulthandler.cancel_dump_traceback_later()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("bench")
            item.add_marker(pytest.mark.timeout(3600))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not ROWS and not NOTES:
        return
    head = ("task", "who", "median s", "min .. max", "rounds", "rate", "time vs ours", "cpu s", "peak MB")
    widths = [max(len(row[i]) for row in [head, *ROWS]) for i in range(len(head))]
    terminalreporter.section(
        f"benchmarks: {platform.machine()}, {psutil.cpu_count()} cores, Python {platform.python_version()}"
    )
    for row in [head, *ROWS]:
        terminalreporter.write_line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)))
    for note in NOTES:
        terminalreporter.write_line(f"  - {note}")
