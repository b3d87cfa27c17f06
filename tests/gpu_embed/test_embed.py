"""Runs against crops embedded by hand; stop and go on; faults; a full disk."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
import tensorstore
import torch

from gpu_embed.embed import Embedded, EmbeddingRun, embeddings_of, resident_for
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import Array
from gpu_embed.engines.choose import open_engine
from gpu_embed.engines.protocol import Engine, EngineOptions
from gpu_embed.journal import EmbeddingJournal
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, UnknownNameError, VersionError
from ingest.schema.space import Resolution
from ingest.volumes.volume import Volume

SHAPE = (64, 70, 80)
ROOT = 2**63 + 9


@pytest.fixture(scope="module")
def engine(tiny_weights: dict[str, Array]) -> Engine:
    return open_engine(TINY, tiny_weights, "torch", EngineOptions(device="cpu", batch=4))


@pytest.fixture
def em(held: Any) -> Any:
    return held(np.random.default_rng(1).integers(0, 256, SHAPE, dtype=np.uint8), chunk=(32, 32, 32))


@pytest.fixture
def ids(held: Any) -> Any:
    data = np.full(SHAPE, ROOT, dtype=np.uint64)
    data[:, ::7] = 3
    return held(data, chunk=(32, 32, 32))


@pytest.fixture
def nodes(node_table: Callable[..., pa.Table], ids: Any) -> pa.Table:
    rng = np.random.default_rng(2)
    points = [(rng.random(3) * SHAPE[::-1] * 8).tolist() for _ in range(22)]
    at = [tuple(int(c // 8) for c in point[::-1]) for point in points]
    return node_table([(int(ids.data[v]), i, *point) for i, (v, point) in enumerate(zip(at, points, strict=True))])


def run_of(em: Any, ids: Any, nodes: pa.Table, engine: Engine, folder: Path, **options: Any) -> EmbeddingRun:
    journal = EmbeddingJournal(folder, {"model": "tiny"})
    return EmbeddingRun(Volume("em", em), Volume("ids", ids), nodes, engine, journal, **options)


def by_hand(em: Any, ids: Any, nodes: pa.Table, engine: Engine) -> dict[tuple[int, int], np.ndarray]:
    pad = TINY.crop // 2
    grey, labels = np.pad(em.data, pad), np.pad(ids.data, pad)
    found = {}
    for row in nodes.to_pylist():
        box = tuple(slice(v := int(row[f"{a}_nm"] // 8), v + TINY.crop) for a in "zyx")
        crop = np.where(labels[box] == row["root_id"], grey[box], 0).astype(np.uint8)
        found[row["root_id"], row["node_id"]] = engine.embed(crop[None])[0]
    return found


def check(table: pa.Table, wanted: dict[tuple[int, int], np.ndarray]) -> None:
    keys = list(zip(*(table.column(name).to_pylist() for name in ("root_id", "node_id")), strict=True))
    assert keys == sorted(wanted)
    vectors = np.array(table.column("vector").to_pylist(), dtype=np.float32)
    # Batches of other sizes round otherwise in the last bits.
    np.testing.assert_allclose(vectors, [wanted[key] for key in keys], rtol=0, atol=2e-5)
    assert np.unique(vectors.round(4), axis=0).shape[0] == len(keys)


def test_a_run_is_what_each_crop_gives(em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path) -> None:
    twice = pa.concat_tables([nodes, nodes.slice(3, 5)])
    run = run_of(em, ids, twice, engine, tmp_path / "j")
    forecast = run.forecast()
    before = em.times.copy()
    told: list[tuple[int, int]] = []
    result = run.run(lambda done, total: told.append((done, total)))
    check(embeddings_of(EmbeddingJournal(tmp_path / "j", {"model": "tiny"})), by_hand(em, ids, nodes, engine))
    assert (result.computed, result.repeats, result.failures.num_rows) == (22, 5, 0)
    assert (forecast.nodes, forecast.reads, forecast.bytes_read) == (22, result.reads, result.bytes_read)
    assert forecast.naive_reads > forecast.reads
    assert forecast.host_bytes > 0
    assert forecast.device_bytes > 0
    assert forecast.seconds > 0
    assert (em.times - before).max() == 1
    assert told[-1] == (22, 22)
    assert "5 repeats of nodes, computed once" in result.notes
    assert any("reach out of the volume" in note for note in result.notes)


def test_crops_cut_on_the_device_give_the_same(
    em: Any, ids: Any, nodes: pa.Table, engine: Engine, node_table: Callable[..., pa.Table], tmp_path: Path
) -> None:
    """The way that a GPU goes, on tensors of the CPU: vectors, failures, reads."""
    em.bad = [(0, 0, 0)]
    several = pa.concat_tables([nodes, node_table([(ROOT, 900, -5.0, 0, 0), (77, 901, 300, 300, 300)])])
    tables, results = [], []
    for cutting in ("host", "device"):
        run = run_of(em, ids, several, engine, tmp_path / cutting, cutting=cutting, memory_bytes=100_000)
        results.append(run.run())
        tables.append(embeddings_of(EmbeddingJournal(tmp_path / cutting, {"model": "tiny"})))
    host, device = (np.array(table.column("vector").to_pylist(), dtype=np.float32) for table in tables)
    assert tables[0].drop_columns("vector").equals(tables[1].drop_columns("vector"))
    np.testing.assert_allclose(device, host, rtol=0, atol=1e-6)
    assert results[0].failures.equals(results[1].failures)
    assert set(results[1].failures.column("reason").to_pylist()) >= {"outside the volume", "unreadable chunk"}


def test_who_cuts(em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path) -> None:
    class OnGpu:
        name, device = "torch", torch.device("cuda")

        @property
        def resident(self) -> Any:
            return self

    class Elsewhere:
        name, resident = "openvino", None

    gpu, elsewhere = cast("Engine", OnGpu()), cast("Engine", Elsewhere())
    assert [resident_for(engine, how) is not None for how in ("auto", "host", "device")] == [False, False, True]
    assert [resident_for(gpu, how) is gpu for how in ("auto", "host", "device")] == [True, False, True]
    assert resident_for(elsewhere, "auto") is None
    with pytest.raises(AnalysisError, match="'openvino' takes crops from the host only; engine 'torch' cuts"):
        resident_for(elsewhere, "device")
    with pytest.raises(UnknownNameError, match="unknown way to cut 'devise'.*did you mean 'device'"):
        run_of(em, ids, nodes, engine, tmp_path / "j", cutting="devise")


@pytest.mark.parametrize("cutting", ["host", "device"])
@pytest.mark.parametrize("memory", [0, 150_000, 1 << 30])
def test_reads_and_bytes_of_a_forecast_are_those_of_the_run(
    em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path, cutting: str, memory: int
) -> None:
    run = run_of(em, ids, nodes, engine, tmp_path / "j", cutting=cutting, memory_bytes=memory)
    forecast = run.forecast()
    result = run.run()
    assert (forecast.reads, forecast.bytes_read) == (result.reads, result.bytes_read)
    assert (forecast.read_again > 0) == (memory < 1 << 30)
    assert forecast.probe_spread >= 0


PEAK = """
import gc, sys, threading, time
import numpy as np, psutil, pyarrow as pa
from gpu_embed.encoder.architectures import architecture
from gpu_embed.embed import EmbeddingRun
from gpu_embed.engines.protocol import EngineOptions
from gpu_embed.engines.choose import open_engine
from gpu_embed.journal import EmbeddingJournal
from gpu_embed.encoder.variables import seeded_weights
from ingest.nodes import SCHEMA
from ingest.volumes.volume import open_volume

folder, cutting = sys.argv[1:]
em, ids = open_volume(f"{folder}/em"), open_volume(f"{folder}/ids")
a = architecture("tiny", crop=65)
engine = open_engine(a, seeded_weights(a, 1), "torch", EngineOptions(device="cpu", batch=8, threads=1))
rng = np.random.default_rng(0)
points = rng.random((160, 3)) * 256 * 8
columns = [np.ones(160, np.uint64), np.arange(160, dtype=np.uint64), *points.T]
nodes = pa.table([pa.array(column) for column in columns], schema=SCHEMA)
run = EmbeddingRun(em, ids, nodes, engine, EmbeddingJournal(f"{folder}/{cutting}", {}), cutting=cutting)
said = run.forecast()
gc.collect()
process = psutil.Process()
weights = sum(value.nbytes for value in engine._net.buffers())
start, peak, done = process.memory_info().rss - weights, 0, threading.Event()

def watch():
    global peak
    while not done.wait(0.002):
        peak = max(peak, process.memory_info().rss - start)

thread = threading.Thread(target=watch)
thread.start()
run.run()
done.set()
thread.join()
print(said.host_bytes + said.device_bytes, peak)
"""


@pytest.mark.slow
def test_peak_memory_within_twenty_percent(tmp_path: Path) -> None:
    """Resident memory of a process of its own, whose allocator gives everything back at once."""
    shape = (256, 256, 256)
    for name, data in (("em", np.ones(shape, np.uint8)), ("ids", np.ones(shape, np.uint64))):
        store = {"driver": "zarr3", "kvstore": f"file://{tmp_path / name}/"}
        schema = {
            "dtype": str(data.dtype),
            "domain": {"shape": shape, "labels": ["z", "y", "x"]},
            "dimension_units": ["8 nm"] * 3,
            "chunk_layout": {"chunk": {"shape": [64, 64, 64]}},
        }
        written = tensorstore.open({**store, "schema": schema}, create=True).result()
        written[...] = data
    environment = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PEAK, str(tmp_path), "host"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    predicted, peak = map(int, done.stdout.split())
    assert predicted == pytest.approx(peak, rel=0.2)


def test_a_stopped_run_goes_on(
    em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gpu_embed.embed.PART_ROWS", 4)

    class Stopped(Exception):
        pass

    def stop(done: int, total: int) -> None:
        if done >= 8:
            raise Stopped

    with pytest.raises(Stopped):
        run_of(em, ids, nodes, engine, tmp_path / "j").run(stop)
    kept = EmbeddingJournal(tmp_path / "j", {"model": "tiny"}).rows()
    assert kept is not None
    assert kept.num_rows == 8
    for left in (".part-000009.arrow.tmp", f".part-000009-1.arrow.part-{os.getpid()}-0123abcd"):
        (tmp_path / "j" / left).write_bytes(b"half")
    result = run_of(em, ids, nodes, engine, tmp_path / "j").run()
    assert (result.finished_before, result.computed) == (8, 14)
    assert not list((tmp_path / "j").glob(".*"))
    journal = EmbeddingJournal(tmp_path / "j", {"model": "tiny"})
    check(embeddings_of(journal), by_hand(em, ids, nodes, engine))
    again = run_of(em, ids, nodes, engine, tmp_path / "j").run()
    assert (again.finished_before, again.computed, again.reads) == (22, 0, 0)
    with pytest.raises(VersionError, match="run of another model: 'tiny' there, 'huge' now"):
        EmbeddingJournal(tmp_path / "j", {"model": "huge"})
    journal.remove()
    assert not (tmp_path / "j").exists()


def test_failures_are_told_and_tried_again(
    em: Any, ids: Any, nodes: pa.Table, engine: Engine, node_table: Callable[..., pa.Table], tmp_path: Path
) -> None:
    em.bad = [(0, 0, 0)]
    extra = node_table([(ROOT, 900, -5.0, 0, 0), (77, 901, 300, 300, 300)])
    result = run_of(em, ids, pa.concat_tables([nodes, extra]), engine, tmp_path / "j").run()
    reasons = result.failures.column("reason").to_pylist()
    assert reasons[-2:] == ["outside the volume", "segment absent"]
    unreadable = reasons.count("unreadable chunk")
    assert 0 < unreadable < 22
    assert result.computed == 22 - unreadable
    assert "chunk is corrupt" in result.failures.column("message")[0].as_py()
    em.bad = []
    repaired = run_of(em, ids, nodes, engine, tmp_path / "j").run()
    assert (repaired.computed, repaired.failures.num_rows) == (unreadable, 0)
    check(embeddings_of(EmbeddingJournal(tmp_path / "j", {"model": "tiny"})), by_hand(em, ids, nodes, engine))


def test_vectors_that_are_not_finite_are_failures(
    em: Any, ids: Any, nodes: pa.Table, tiny_weights: dict[str, Array], tmp_path: Path
) -> None:
    huge = {name: value * np.float32(1e20) if value.ndim == 2 else value for name, value in tiny_weights.items()}
    broken = open_engine(TINY, huge, "torch", EngineOptions(device="cpu", batch=4))
    result = run_of(em, ids, nodes, broken, tmp_path / "j").run()
    assert set(result.failures.column("reason").to_pylist()) == {"not finite"}
    assert result.computed == 0
    with pytest.raises(SchemaError, match="no node has an embedding"):
        embeddings_of(EmbeddingJournal(tmp_path / "j", {"model": "tiny"}))


def test_other_voxel_sizes_are_refused_unless_wanted(
    em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(VersionError, match="trained at 32,32,40 nm a voxel, em has 8,8,8"):
        run_of(em, ids, nodes, engine, tmp_path / "j", resolution=Resolution(32, 32, 40))
    run_of(em, ids, nodes, engine, tmp_path / "j", resolution=Resolution(32, 32, 40), out_of_domain=True)
    run_of(em, ids, nodes, engine, tmp_path / "j", resolution=Resolution(8, 8, 8))


def test_a_full_disk_is_one_error_and_leaves_nothing_half_written(
    em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path
) -> None:
    run = run_of(em, ids, nodes, engine, tmp_path / "j")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(ReadError, match="what is finished is kept, free some space"):
            run.run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in (tmp_path / "j").iterdir()] == ["run.json"]
    result: Embedded = run_of(em, ids, nodes, engine, tmp_path / "j").run()
    assert result.computed == 22


def test_a_corrupt_part_is_named(em: Any, ids: Any, nodes: pa.Table, engine: Engine, tmp_path: Path) -> None:
    run_of(em, ids, nodes, engine, tmp_path / "j").run()
    part = next((tmp_path / "j").glob("part-000000-*.arrow"))
    part.write_bytes(part.read_bytes()[:100])
    with pytest.raises(ReadError, match=f"{part.name} is damaged; remove it: its nodes are computed again"):
        run_of(em, ids, nodes, engine, tmp_path / "j")
