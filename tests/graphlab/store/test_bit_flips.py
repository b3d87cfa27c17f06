"""Single bits that change in files of a graph: the same answer, or one error; never a crash, never another answer.

Every trial runs in a child of its own, so that a crash is seen. ``GRAPHLAB_FLIPS`` says how many bits a kind of file
(200 in docs/reliability.md).
"""

from __future__ import annotations

import datetime
import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from gpu_embed.journal import EmbeddingJournal
from graphlab.graph import Graph
from graphlab.motifs.significance.kept import to_table
from graphlab.store.runs import runs, waiting
from ingest.schema.errors import GraphlabError
from ingest.schema.words import EMBEDDINGS, ID
from ingest.skeletons.skeleton import Skeleton

FLIPS = int(os.environ.get("GRAPHLAB_FLIPS", "8"))
KINDS = {
    "database": "g/graph.duckdb",
    "snapshot": "g/snapshots/*.arrow",
    "embeddings": "g/embeddings/m/*[0-9a-f].arrow",
    "id index": "g/embeddings/m/*.ids.arrow",
    "recording": "g/recordings/*.parquet",
    "null samples": "g/samples/*/samples-*.parquet",
    "recipe of null samples": "g/samples/*/recipe.json",
    "kept result": "g/results/*.parquet",
    "waiting result": "waiting.arrows",
    "statistics of means": "g/aggregates/*.parquet",
    "part of an embedding run": "journal/part-*.arrow",
    "identity of an embedding run": "journal/run.json",
    "model": "g/models/*.safetensors",
    "card of a model": "g/models/*.json",
    "held-out predictions": "g/models/*.held.parquet",
}
DERIVED = ("snapshot", "id index", "null samples", "recipe of null samples")
"""Made again from what they were made of."""
CHECKED = ("embeddings", "recording", "part of an embedding run", "model", "held-out predictions")
"""Every bit of them counts, and none is made again."""
TRIALS = """
import hashlib, json, os, sys, warnings
from pathlib import Path
import numpy as np
from gpu_embed.journal import EmbeddingJournal
from graphlab.graph import Graph
from graphlab.motifs.nulls.ensembles import SamplesDrawnAgain
from graphlab.store.runs import waiting
from graphlab.store.wiring.snapshots import SnapshotRebuiltWarning
from ingest.schema.errors import GraphlabError
warnings.simplefilter("ignore", SnapshotRebuiltWarning)
warnings.simplefilter("ignore", SamplesDrawnAgain)

def everything(found):
    with Graph.open(folder / "g", read_only=True) as opened:
        for table in ("neurons", "connections", "synapses"):
            found.update(str(opened.query(f"FROM {table} ORDER BY ALL").to_arrow().to_pylist()).encode())
        view = opened.snapshot()
        for name in ("root_ids", "out_start", "out_target", "weight", "in_start", "in_source", "in_edge"):
            found.update(np.ascontiguousarray(getattr(view, name)).tobytes())
        found.update(str(sorted(opened.motifs.census(3, record=False).counts.items())).encode())
        vectors = opened.embeddings.open("m")
        for part in (*vectors.lookup(vectors.root_ids), *vectors.nodes(vectors.root_ids)):
            found.update(np.ascontiguousarray(part).tobytes())
        found.update(str(opened.query("FROM recordings ORDER BY ALL").to_arrow().to_pylist()).encode())

def samples(found):
    with Graph.open(folder / "g") as opened:
        tested = opened.motifs.significance(3, samples=9, seed=0)
        found.update(tested.counts.tobytes() + tested.p.tobytes())

def kept(found):
    with Graph.open(folder / "g", read_only=True) as opened:
        for run, tested in opened.motifs.kept_significance():
            found.update(str(vars(tested)).encode() + tested.counts.tobytes())

def means(found):
    with Graph.open(folder / "g", read_only=True) as opened:
        found.update(str(opened.embeddings.statistics("means").to_pylist()).encode())

def waits(found):
    run, tables, *times = waiting._read(Path(file))
    found.update(str((run, times, [(name, table.to_pylist()) for name, table in tables.items()])).encode())

def journal(found):
    found.update(str(EmbeddingJournal(folder / "journal", {"run": "one" * 9}).rows().to_pylist()).encode())

def model(found):
    from graphlab.predict.saved_runs import read_run
    with Graph.open(folder / "g", read_only=True) as opened:
        found.update(str(opened.predict.ask("cell-type").table.to_pylist()).encode())
        run = read_run(folder / "g" / "models" / "cell-type.json")
        found.update(str(run.card).encode())
        for name, folds in run.held.items():
            found.update(name.encode() + b"".join(fold.probability.tobytes() + fold.label.tobytes() for fold in folds))

ASK = {
    "model": model, "card of a model": model, "held-out predictions": model,
    "null samples": samples, "recipe of null samples": samples, "kept result": kept, "waiting result": waits,
    "statistics of means": means, "part of an embedding run": journal, "identity of an embedding run": journal,
}

def answer():
    found = hashlib.sha256()
    ASK.get(kind, everything)(found)
    return found.hexdigest()

while asked := sys.stdin.readline():
    folder, kind, file, flips = json.loads(asked)
    folder = Path(folder)
    task = os.fork()
    if task:
        if os.waitpid(task, 0)[1]:
            print("null", flush=True)
        continue
    right = answer()  # compiled once, inherited by every child
    outcomes = {"same": 0, "error": 0}
    whole = open(file, "rb").read()
    for bit in flips:
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with open(file, "wb") as out:
            out.write(changed)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.write(writer, b"same" if answer() == right else b"OTHER ANSWER")
            except GraphlabError as error:
                os.write(writer, b"error" if str(error) else b"NO MESSAGE")
            except BaseException as error:
                os.write(writer, repr(error)[:500].encode())
            finally:
                os._exit(0)
        os.close(writer)
        _, status = os.waitpid(child, 0)
        said = os.read(reader, 1000).decode() or f"ended with status {status}"
        os.close(reader)
        outcomes[said] = outcomes.get(said, 0) + 1
    print(json.dumps(outcomes), flush=True)
    os._exit(0)
"""
"""Imports once; a line of its input asks for the trials of one kind, which a fork of it does."""


@pytest.fixture(scope="module")
def trials() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", TRIALS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.communicate()
    assert process.returncode == 0


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph with a file of every kind."""
    folder = tmp_path_factory.mktemp("flips")
    rng = np.random.default_rng(0)
    with Graph.create(folder / "g", materialization="1") as graph:
        ends = rng.integers(1, 60, (2, 600)).astype(np.uint64)
        graph.ingest(
            pa.table({"pre_root_id": ends[0], "post_root_id": ends[1], "score": rng.random(600)}), as_="synapses"
        )
        ids = np.repeat(np.arange(1, 41, dtype=np.uint64), 5)
        rows = [pa.array(ids, ID), pa.array(np.tile(np.arange(5, dtype=np.uint64), 40), ID)]
        rows += [pa.array(rng.random(200).astype(np.float32)) for _ in range(3)]
        rows.append(pa.FixedSizeListArray.from_arrays(pa.array(rng.normal(size=200 * 64).astype(np.float32)), 64))
        table = pa.Table.from_arrays(rows, names=EMBEDDINGS.names())
        graph.ingest(table, as_="embeddings", model="m", segmentation_version="1")
        skeleton = Skeleton(1, ids[:5] * 0 + np.arange(5, dtype=np.uint64), rng.random((5, 3)), np.arange(-1, 4))
        graph.embeddings.aggregate([skeleton], by="neuron", model="m", name="means")
        pa.parquet.write_table(
            pa.table({"time_s": np.arange(300) / 3.0, **{f"n{i}": rng.normal(size=300) for i in range(5)}}),
            folder / "animal.parquet",
        )
        graph.ingest(folder / "animal.parquet", as_="recordings")
        graph.snapshot()
        types = pa.array(["ab"[k % 2] for k in range(40)])
        graph.ingest(pa.table({"root_id": pa.array(range(1, 41), ID), "cell_type": types}), as_="neurons")
        if find_spec("safetensors"):
            quick = {"folds": 2, "bootstraps": 10, "embeddings": "none"}
            graph.predict.train("cell-type", predictors=["label propagation"], **quick)
        tested = graph.motifs.significance(3, samples=9, seed=0)
        run = runs.new_run(graph.folder, "significance", {"size": 3}, {})
        began = datetime.datetime.now(datetime.UTC)
        waiting._keep(graph.folder, run, {waiting.KEPT: to_table(tested)}, began, began)
        next((folder / "g" / "waiting").glob("*.arrows")).rename(folder / "waiting.arrows")
    EmbeddingJournal(folder / "journal", {"run": "one" * 9}).add(table.to_batches()[0])
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_bit_is_an_error_or_nothing(
    whole: Path, trials: subprocess.Popen[str], tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "all"
    shutil.copytree(whole, folder)
    if "models" in KINDS[kind]:
        pytest.importorskip("safetensors")
    file = sorted(folder.glob(KINDS[kind]))[0]
    bits = random.Random(kind).sample(range(file.stat().st_size * 8), FLIPS)

    assert trials.stdin is not None
    assert trials.stdout is not None
    print(json.dumps([str(folder), kind, str(file), bits]), file=trials.stdin, flush=True)
    outcomes = json.loads(trials.stdout.readline())
    print(kind, outcomes)
    assert outcomes is not None, "the process of the trials ended; its error is among what is captured"
    assert set(outcomes) <= {"same", "error"}
    assert sum(outcomes.values()) == FLIPS
    if kind in CHECKED:
        assert outcomes["error"] == FLIPS
    if kind in DERIVED:
        assert outcomes["same"] == FLIPS


def test_every_verb_tells_of_a_damaged_database(whole: Path, tmp_path: Path) -> None:
    """One block after another is damaged; few verbs read all of them, and opening does not."""
    shutil.copytree(whole / "g", tmp_path / "g")
    file = tmp_path / "g" / "graph.duckdb"
    right = file.read_bytes()
    verbs: list[Callable[[Graph], Any]] = [Graph.info, lambda graph: graph.embeddings.open("m"), Graph.neurons]
    outcomes = set()
    for place in range(12288 + 100, len(right), 262144):  # DuckDB's blocks, behind three headers of 4096 bytes
        file.write_bytes(right[:place] + bytes([right[place] ^ 1]) + right[place + 1 :])
        for ask in verbs:
            try:
                with Graph.open(tmp_path / "g", read_only=True) as graph:
                    ask(graph)
                outcomes.add("fine")
            except GraphlabError as error:
                outcomes.add("damage" if "Corrupt database file" in str(error) else str(error))
    assert outcomes == {"fine", "damage"}
