"""Every writer struck at a file operation (kill, I/O error, full disk, Ctrl-C): before or after, and never between.

A preloaded library (``faults/faults.c``) counts what a command does to files under the graph's folder and strikes at
the N-th. Then the graph is opened, compared with what it was before and what it is after an undisturbed run, the same
command is run again, and what lies in the folder is compared, too. ``docs/reliability.md`` has the counts of the long
form.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, save_checkpoint
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import seeded_weights
from ingest.synthetic import connectome as synthetic

tensorstore = pytest.importorskip("tensorstore")
HERE = Path(__file__).parent / "faults"
KINDS = ("kill", "io", "full", "interrupt")
IMPORTS = (
    "graphlab.graph", "graphlab.store.recordings.intake", "graphlab.store.embeddings.files", "ingest.tables",
    "graphlab.store.removal.sources",
    "ingest.segclr.csv_zip", "ingest.recordings.readers", "pyarrow.parquet", "pyarrow.dataset", "pyarrow.compute",
    "scipy.spatial", "gpu_embed.aggregate", "ingest.nodes", "graphlab.store.embeddings.places", "graphlab.report",
    "graphlab.motifs.significance.motifs", "graphlab.motifs.mining.typed", "pandas", "graphlab.activity.correlate",
    "graphlab.predict.train_model", "graphlab.predict.ask_model", "sklearn.linear_model", "torch", "tensorstore",
    "gpu_embed.embed", "gpu_embed.engines.pytorch", "graphlab.embeddings.volumes",
)  # fmt: skip
"""What a server imports before it forks."""
RUN = "latest run of {}"
"""Stands for the id of that run in the graph that a writer starts from."""
ONCE = ("init", "drop animal", "drop source", "drop embeddings")
"""Done once; the second time it is said that it was."""


@dataclass
class Writer:
    """A command, and the one whose result it starts from."""

    name: str
    after: str | None
    argv: list[str]
    heavy: bool = False
    operations: int = 0
    before: str = ""
    done: dict[str, Any] = field(default_factory=dict)


def writers(graph: Path, sources: Path) -> list[Writer]:
    g = str(graph)

    def ingest(name: str, as_: str, *options: str) -> list[str]:
        return ["ingest", g, str(sources / name), "--as", as_, "--no-progress", *options]

    model = ("--model", "m", "--segmentation-version", "1")
    cave = ("--columns", "cave", "--resolution", "4,4,40")
    train = ("train", "cell-type", g, "--predictors", "logistic regression", "--folds", "2", "--bootstraps", "10")
    embed = ["embed", g, "--em", f"precomputed://{sources / 'em'}", "--segmentation", str(sources / "seg")]
    embed += ["--nodes", str(sources / "nodes.csv"), "--checkpoint", str(sources / "tiny.safetensors")]
    embed += ["--engine", "torch", "--device", "cpu", "--no-progress"]
    return [
        Writer("init", None, ["init", g, "--materialization", "1"]),
        Writer("ingest connections", "init", ingest("connections.csv", "connections")),
        Writer("ingest neurons", "init", ingest("neurons.csv", "neurons")),
        Writer("ingest synapses", "ingest neurons", ingest("synapses.parquet", "synapses", *cave)),
        Writer("ingest embeddings", "ingest synapses", ingest("embeddings", "embeddings", *model)),
        Writer("ingest recordings", "ingest embeddings", ingest("recordings.parquet", "recordings")),
        Writer("ingest behavior", "ingest recordings", ingest("behavior.parquet", "behavior")),
        Writer("recipe", "ingest synapses", ["recipe", g, "--merge-within", "100"]),
        Writer("signs", "ingest behavior", ["signs", g, "--map", "synthetic"]),
        Writer("join embeddings", "signs", ["join-embeddings", g]),
        Writer("place synapses", "join embeddings", ["place-synapses", g, "--radius", "100000", "--no-progress"]),
        Writer("property graph", "ingest neurons", ["query", g, PROPERTY_GRAPH]),
        Writer(
            "aggregate",
            "ingest embeddings",
            ["aggregate-embeddings", g, str(sources / "swc"), "--by", "neuron", "--unit", "1", "--model", "m"],
        ),
        Writer("drop animal", "ingest behavior", ["drop-animal", g, "recordings"]),
        Writer("second source", "ingest connections", ingest("more.csv", "connections", "--duplicates", "sum")),
        Writer("drop source", "second source", ["drop-source", g, "connections.csv"]),
        Writer("drop embeddings", "aggregate", ["drop-source", g, "embeddings"]),
        Writer("embed", "ingest synapses", embed, True),
        Writer("census", "place synapses", ["motifs", g, "--size", "3", "--no-progress"], True),
        Writer("rerun", "motifs", ["rerun", g, RUN.format("significance")], True),
        Writer("motifs", "place synapses", ["motifs", g, "--samples", "19", "--workers", "1", "--no-progress"], True),
        Writer("mine", "place synapses", ["mine", g, "--samples", "9", "--workers", "1", "--no-progress"], True),
        Writer("correlate", "place synapses", ["correlate", g, "--surrogates", "19", "--no-progress"], True),
        Writer("train", "place synapses", [*train, "--keep", "logistic regression", "--no-progress"], True),
        Writer("train again", "train", [*train, "--seed", "1", "--replace", "--no-progress"], True),
        Writer("predict", "train", ["predict", g, "cell-type", "--no-progress"], True),
        Writer("report", "correlate", ["report", g], True),
    ]


PROPERTY_GRAPH = (
    "CREATE OR REPLACE PROPERTY GRAPH mine VERTEX TABLES (neurons KEY (root_id) LABEL neuron) EDGE TABLES (connections "
    "KEY (pre_root_id, post_root_id) SOURCE KEY (pre_root_id) REFERENCES neurons (root_id) "
    "DESTINATION KEY (post_root_id) REFERENCES neurons (root_id) LABEL synapse)"
)


NAMES = [writer.name for writer in writers(Path("g"), Path("sources"))]


class Bench:
    """The server, the sources, and a copy of the graph after each writer."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self.graph = folder, folder / "work" / "g"
        self.graph.parent.mkdir()
        self.sources = make_sources(folder / "sources")
        self.writers = {writer.name: writer for writer in writers(self.graph, self.sources)}
        environment = {**os.environ, "LD_PRELOAD": str(library), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        command = [sys.executable, str(HERE / "server.py"), json.dumps(IMPORTS)]
        self.server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        assert self.server.stdout is not None
        assert self.server.stdout.readline() == "ready\n"

    def close(self) -> None:
        self.server.communicate()

    def ask(self, parts: list[dict[str, Any]], start: Path) -> list[list[dict[str, Any]]]:
        assert self.server.stdin is not None
        assert self.server.stdout is not None
        self.server.stdin.write(json.dumps({"copy": [str(start), str(self.graph)], "parts": parts}) + "\n")
        self.server.stdin.flush()
        found: list[list[dict[str, Any]]] = json.loads(self.server.stdout.readline())
        return found

    def start(self, writer: Writer) -> Path:
        return self.folder / (writer.after or "nothing")

    def _steps(self, writer: Writer) -> tuple[dict[str, Any], dict[str, Any]]:
        place = {"graph": str(self.graph)}
        return {"do": "run", "argv": writer.argv, **place}, {"do": "look", **place}

    def prepare(self, writer: Writer) -> None:
        """The undisturbed run, after those it starts from: how many operations, what is there before and after."""
        if writer.operations:
            return
        if writer.after is not None:
            self.prepare(self.writers[writer.after])
            writer.argv = [self._run_id(writer, word) for word in writer.argv]
        run, look = self._steps(writer)
        count = {"steps": [run], "fault": {"kind": "count", "at": 0}}
        (first,), (done,), (after,) = self.ask([{"steps": [look]}, count, {"steps": [look]}], self.start(writer))
        assert done["code"] == 0, f"{writer.name}: {done}"
        assert "content" in after, after
        writer.operations, writer.before, writer.done = done["operations"], first["content"], after
        shutil.copytree(self.graph, self.folder / writer.name)

    def _run_id(self, writer: Writer, word: str) -> str:
        if not word.startswith(RUN.format("")):
            return word
        with duckdb.connect(self.start(writer) / "graph.duckdb", read_only=True) as connection:
            asked = "SELECT run_id FROM runs WHERE verb = ? ORDER BY started DESC"
            row = connection.execute(asked, [word.removeprefix(RUN.format(""))]).fetchone()
        assert row is not None
        return str(row[0])

    def trial(self, writer: Writer, kind: str, at: int) -> list[str]:
        """What is wrong after a fault at one operation of a writer that is prepared."""
        run, look = self._steps(writer)
        struck, checked = self.ask(
            [{"steps": [run], "fault": {"kind": kind, "at": at}}, {"steps": [look, run, look]}], self.start(writer)
        )
        here, said = f"{writer.name}, {kind} at {at} ({struck[-1].get('operation')}): ", struck[0].get("said", "")
        wrong = []
        if kind == "kill" and struck[-1]["killed"] != 9 and at <= struck[-1]["operations"]:
            wrong.append(f"not killed: {struck}")
        if kind != "kill" and struck[-1]["killed"]:
            wrong.append(f"died of signal {struck[-1]['killed']}")
        if "Traceback" in said or "Exception ignored" in said:
            wrong.append(f"traceback: {said[-1500:]}")
        code = struck[0].get("code", 0)
        if kind in ("io", "full") and code not in (0, 1):
            wrong.append(f"ended with {code}: {said}")
        if code == 1 and not said.strip().splitlines()[-1].startswith("error: "):
            wrong.append(f"no error was told: {said}")
        if kind == "interrupt" and code not in (0, 130):
            wrong.append(f"Ctrl-C ended with {code}: {said}")
        if len(checked) < 3:
            return [here + text for text in [*wrong, f"the graph does not open: {checked[-1].get('said')}"]]
        middle, again, last = checked
        if middle["content"] not in (writer.before, writer.done["content"]):
            wrong.append("content is neither that of before nor that of after")
        if code == 0 and not struck[-1]["killed"] and middle["content"] != writer.done["content"]:
            wrong.append(f"it ended well, and its result is not there: {said}")
        was_done = middle["content"] == writer.done["content"]
        if again["code"] != 0 and not (was_done and writer.name in ONCE):
            wrong.append(f"run again it fails: {again['said']}")
        if last["content"] != writer.done["content"]:
            wrong.append("run again, the content is not that of an undisturbed run")
        if last["files"] != writer.done["files"] and not (was_done and writer.name in ONCE):
            odd = sorted({*last["files"]} ^ {*writer.done["files"]})
            wrong.append(f"files lie about or lack: {odd}")
        return [here + text for text in wrong]


def make_sources(folder: Path) -> Path:
    """A made connectome in files, three connections, and skeletons of two embedded neurons."""
    synthetic.make(
        folder, neurons=50, synapses=1600, seed=0, recorded=6, frames=300, nodes=2, width=64, num_shards=1
    )  # fmt: skip
    (folder / "connections.csv").write_text("pre_root_id,post_root_id,weight\n1,2,3\n2,3,1\n")
    (folder / "more.csv").write_text("pre_root_id,post_root_id,weight\n1,2,4\n5,6,1\n")
    (folder / "swc").mkdir()
    with zipfile.ZipFile(next((folder / "embeddings").glob("*.zip"))) as shard:
        for name in shard.namelist()[:2]:
            rows = [line.split(",")[:4] for line in shard.read(name).decode().splitlines()]
            text = "".join(f"{row[0]} 0 {' '.join(row[1:])} 1 {at - 1}\n" for at, row in enumerate(rows))
            (folder / "swc" / f"{Path(name).stem}.swc").write_text(text)
    make_volumes(folder, np.random.default_rng(0))
    return folder


def make_volumes(folder: Path, rng: np.random.Generator) -> None:
    """EM and a segmentation of two neurons at 8 nm, nodes in them, an encoder without training."""
    shape = (40, 40, 40)
    ids = np.full(shape, 1, dtype=np.uint64)
    ids[:, 20:] = 2
    for name, kind, data in (
        ("em", "image", rng.integers(1, 256, shape, dtype=np.uint8)),
        ("seg", "segmentation", ids),
    ):
        scale = {"size": shape, "resolution": (8, 8, 8), "encoding": "raw", "chunk_size": [32, 32, 32]}
        about = {"type": kind, "data_type": str(data.dtype), "num_channels": 1}
        place = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder / name}/"}
        spec = {**place, "multiscale_metadata": about, "scale_metadata": scale}
        tensorstore.open(spec, create=True).result()[...] = data.T[..., None]
    rows = [f"{1 + (y >= 160)},{node},{x},{y},{z}" for node, (x, y, z) in enumerate(rng.random((6, 3)) * 300)]
    (folder / "nodes.csv").write_text("root_id,node_id,x_nm,y_nm,z_nm\n" + "\n".join(rows) + "\n")
    card = ModelCard("tiny", TINY, (8.0, 8.0, 8.0))
    save_checkpoint(folder / "tiny.safetensors", Checkpoint(card, seeded_weights(TINY, 1)))


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler for the library that strikes (or no Linux to preload it)")
    made = tmp_path_factory.mktemp("faults") / "faults.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", made, HERE / "faults.c", "-ldl"], check=True)
    return made


@pytest.fixture(scope="module")
def bench(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    made = Bench(tmp_path_factory.mktemp("bench"), library)
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_sample_of_faults_leaves_every_graph_whole(bench: Bench, name: str) -> None:
    """All four ways to strike, heavy writers one, each at another operation, spread over the whole of a command."""
    writer, number = bench.writers[name], NAMES.index(name)
    bench.prepare(writer)
    wrong = []
    for way in range(1 if writer.heavy else 4):
        share = ((number * 5 + way * 7) % 14 + 0.5) / 14
        wrong += bench.trial(writer, KINDS[(number + way) % 4], 1 + int(writer.operations * share))
    assert not wrong, "\n".join(wrong)


@pytest.mark.bench
@pytest.mark.timeout(0)
def test_every_fault_leaves_every_graph_whole(library: Path, tmp_path: Path) -> None:
    """All writers, all kinds, every operation (or every ``GRAPHLAB_FAULT_STEP``-th); one row a writer is printed."""
    step = int(os.environ.get("GRAPHLAB_FAULT_STEP", "1"))
    only = os.environ.get("GRAPHLAB_FAULT_WRITERS", "").split(",")
    bench = Bench(tmp_path, library)
    wrong = []
    for writer in bench.writers.values():
        if only != [""] and writer.name not in only:
            continue
        bench.prepare(writer)
        for kind in KINDS:
            found = [bench.trial(writer, kind, at) for at in range(1, writer.operations + 1, step)]
            bad = [text for texts in found for text in texts]
            print(
                f"| {writer.name} | {writer.operations} | {kind} | {len(found)} | {sum(map(bool, found))} |", flush=True
            )
            for text in bad[:5]:
                print("   ", text, flush=True)
            wrong += bad
    bench.close()
    assert not wrong, f"{len(wrong)}: {wrong[:3]}"
