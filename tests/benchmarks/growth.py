"""How time and memory grow with the number of connections: ``make bench-growth`` writes the table and the figure.

Every size and task is a process of its own, so that its peak memory is its own. What is compiled is compiled on a small
graph first and not counted. A task that fails or takes longer than CAP is named in its cell, and the exit status is 1.
Run without pytest: ``python tests/benchmarks/growth.py [millions,...]``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from conftest import CONNECTIONS, NEURONS, made_brain

from graphlab.charts.drawings import curves
from graphlab.charts.standing_alone import standalone
from graphlab.graph import Graph
from graphlab.motifs.census.tetrads import tetrad_counts
from graphlab.motifs.census.triads import triad_counts
from graphlab.motifs.nulls.ensembles import sample_counts
from graphlab.motifs.nulls.models import NullOptions
from graphlab.motifs.nulls.registered import null_model
from graphlab.store.embeddings.files import EmbeddingSet, write_embeddings
from ingest.segclr.csv_zip import embeddings_schema

MILLIONS = (0.3, 1.0, 3.0, 10.0, 30.0)
WARM = 0.02
"""Millions of connections of the graph on which everything is called once before it is timed."""
CAP = 900
"""Seconds that a task gets."""
ROWS_FILE = "rows.parquet"
DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- growth: begin -->", "<!-- growth: end -->"
VECTORS, WIDTH, ASKED = 10, 64, 1_000
"""Embeddings of a neuron, numbers of each, neurons looked up."""

LOOP = "(a)-[e IS synapse{0}]->(b)-[f IS synapse{1}]->(c), (a)-[g IS synapse{2}]->(c)"
ASK = "SELECT {} FROM GRAPH_TABLE (connectome MATCH {} COLUMNS ({}))"
COUNTED = ASK.format("count(*) AS n", LOOP.format("", "", ""), "a.root_id AS a")
ROWS = ASK.format(
    "*", LOOP.format(*(f" WHERE {x}.weight >= 15" for x in "efg")), "a.root_id AS a, b.root_id AS b, c.root_id AS c"
)
HOP = ASK.format(
    "*", "(a IS neuron)-[s IS synapse]->(b IS neuron) WHERE a.root_id = 5", "b.root_id AS b, s.weight AS w"
)


def neurons_of(millions: float) -> int:
    """As many connections a neuron as the thresholded fly has."""
    return max(200, round(millions * 1e6 * NEURONS / CONNECTIONS))


def vectors(neurons: int) -> Iterator[pa.RecordBatch]:
    """Random vectors of every neuron."""
    rng = np.random.default_rng(3)
    for part in np.array_split(np.arange(1, neurons + 1, dtype=np.uint64), max(1, neurons * VECTORS // 50_000)):
        n = len(part) * VECTORS
        nodes = np.tile(np.arange(VECTORS, dtype=np.uint64), len(part))
        places = [pa.array(rng.random(n, np.float32)) for _ in range(3)]
        values = pa.FixedSizeListArray.from_arrays(pa.array(rng.random(n * WIDTH, np.float32)), WIDTH)
        columns = [pa.array(np.repeat(part, VECTORS)), pa.array(nodes), *places, values]
        yield pa.RecordBatch.from_arrays(columns, schema=embeddings_schema(WIDTH))


def make_rows(place: Path, millions: float) -> None:
    """The shuffled connections in a file."""
    table = made_brain(neurons_of(millions), round(millions * 1e6)).table()
    pq.write_table(table.take(np.random.default_rng(1).permutation(len(table))), place / ROWS_FILE)


def ingest(place: Path, millions: float) -> Callable[[], Any]:
    if not (place / ROWS_FILE).exists():
        make_rows(place, millions)

    def run() -> None:
        with Graph.create(place / "g") as graph:
            graph.ingest(place / ROWS_FILE, as_="connections")

    return run


def asked(text: str) -> Callable[[Path, float], Callable[[], Any]]:
    def prepare(place: Path, millions: float) -> Callable[[], Any]:
        graph = Graph.open(place / "g", read_only=True)
        return lambda: graph.query(text).to_arrow().num_rows

    return prepare


def on_snapshot(count: Callable[[Any], Any]) -> Callable[[Path, float], Callable[[], Any]]:
    def prepare(place: Path, millions: float) -> Callable[[], Any]:
        with Graph.open(place / "g", read_only=True) as graph:
            view = graph.snapshot()
        return lambda: count(view)

    return prepare


def snapshot(place: Path, millions: float) -> Callable[[], Any]:
    graph = Graph.open(place / "g")
    return lambda: graph.snapshot().m


def one_sample(view: Any) -> Any:
    sampler = null_model("configuration").prepare(view, NullOptions(steps_per_edge=1.0), 1)
    return sample_counts(sampler, triad_counts, samples=1, seed=1)


def look_up(place: Path, millions: float) -> Callable[[], Any]:
    folder = place / "embeddings"
    folder.mkdir(exist_ok=True)
    written = write_embeddings(folder, vectors(neurons_of(millions)), width=WIDTH)
    opened = EmbeddingSet.open([written.path], model="growth", segmentation_version="1")
    chosen = np.random.default_rng(2).integers(1, neurons_of(millions) + 1, ASKED).astype(np.uint64)
    return lambda: opened.lookup(np.unique(chosen))[0].shape


TASKS: dict[str, tuple[int, Callable[[Path, float], Callable[[], Any]]]] = {
    "ingest of shuffled rows": (1, ingest),
    "first snapshot": (1, snapshot),
    "16 triads, 2 threads": (3, on_snapshot(lambda view: triad_counts(view, workers=2))),
    "199 tetrads, 2 threads": (1, on_snapshot(lambda view: tetrad_counts(view, workers=2))),
    "null sample, 1 swap proposed a connection, and its triads": (1, on_snapshot(one_sample)),
    "feed-forward loops, counted": (1, asked(COUNTED)),
    "feed-forward loops of weights >= 15, rows": (1, asked(ROWS)),
    "one hop": (5, asked(HOP)),
    "look-up of 1,000 neurons' embeddings": (5, look_up),
}
"""Name -> how often (the median is taken), and what prepares a call; only the first call of some is the task."""


def measured(name: str, place: Path, millions: float) -> dict[str, float]:
    """Of one task in this process: seconds on the clock and of processor, and resident memory at most, in MB."""
    rounds, prepare = TASKS[name]
    with tempfile.TemporaryDirectory() as small:
        if name != "ingest of shuffled rows":
            ingest(Path(small), WARM)()
        prepare(Path(small), WARM)()
    run = prepare(place, millions)
    walls, cpus = [], []
    for _ in range(rounds):
        wall, cpu = time.perf_counter(), time.process_time()
        run()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"s": float(np.median(walls)), "cpu": float(np.median(cpus)), "mb": _peak_mb()}


def _peak_mb() -> float:
    """Of this process alone; getrusage begins with what the one that started it held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


Cell = dict[str, float] | str
"""What was measured, or why there is nothing."""


def in_a_process(what: str, *arguments: object) -> Cell:
    """What ``--one`` of a process prints."""
    command = [sys.executable, __file__, what, *map(str, arguments)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=CAP)
    except subprocess.TimeoutExpired:
        return f"over {CAP} s"
    if done.returncode:
        return f"failed ({done.returncode})"
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measured_cells(sizes: Sequence[float], cells: Sequence[Cell]) -> tuple[list[float], list[float]]:
    """Sizes and processor seconds of the cells that hold something."""
    pairs = [(size, cell["cpu"]) for size, cell in zip(sizes, cells, strict=True) if not isinstance(cell, str)]
    return [size for size, _ in pairs], [cpu for _, cpu in pairs]


def exponent(sizes: Sequence[float], values: Sequence[float]) -> str:
    """Of the power of the size that the values follow, by least squares of logarithms."""
    if len(sizes) < 2:
        return "not fitted"
    return f"{float(np.polyfit(np.log(sizes), np.log(values), 1)[0]):.2f}"


def written_table(sizes: Sequence[float], found: dict[str, list[Cell]]) -> str:
    """The section of docs/benchmarks.md."""
    load = os.getloadavg()[1]
    lines = [
        BEGIN,
        f"Wall seconds (processor seconds; resident MB at most), {os.cpu_count()} cores, load average {load:.1f} at "
        "the end; the exponent is of processor seconds. Every cell a process of its own; compiling is left out.",
        "",
        "| task | " + " | ".join(f"{size:g} M" for size in sizes) + " | exponent |",
        "|---" * (len(sizes) + 2) + "|",
    ]
    for name, cells in found.items():
        shown = [
            one if isinstance(one, str) else f"{one['s']:.3g} ({one['cpu']:.3g}; {one['mb']:,.0f})" for one in cells
        ]
        lines.append(f"| {name} | {' | '.join(shown)} | {exponent(*measured_cells(sizes, cells))} |")
    return "\n".join([*lines, "", "![Processor seconds against connections](growth.svg)", END])


def main(millions: Sequence[float]) -> int:
    """Measure, and write the table into docs/benchmarks.md and the figure beside it; how many cells are empty."""
    begun = time.monotonic()
    found: dict[str, list[Cell]] = {name: [] for name in TASKS}
    for size in millions:
        with tempfile.TemporaryDirectory() as place:
            in_a_process("--rows", place, size)
            for name in TASKS:
                found[name].append(in_a_process("--one", name, place, size))
                print(f"{time.monotonic() - begun:.0f} s, {size:g} M, {name}: {found[name][-1]}", flush=True)
    page = DOCS / "benchmarks.md"
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(before + written_table(millions, found) + rest.split(END)[1], encoding="utf-8")
    drawn = {}
    for name, cells in found.items():
        sizes, cpu = measured_cells(millions, cells)
        drawn[name] = (np.array(sizes) * 1e6, np.array(cpu))
    figure = curves(drawn, "connections", "processor seconds", "processor seconds against connections")
    (DOCS / "growth.svg").write_text(standalone(figure), encoding="utf-8")
    return sum(isinstance(cell, str) for cells in found.values() for cell in cells)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measured(sys.argv[2], Path(sys.argv[3]), float(sys.argv[4]))))
    elif sys.argv[1:2] == ["--rows"]:
        make_rows(Path(sys.argv[2]), float(sys.argv[3]))
        print("{}")
    else:
        missing = main([float(size) for size in sys.argv[1].split(",")] if sys.argv[1:] else MILLIONS)
        sys.exit(f"{missing} cells hold no figure" if missing else 0)
