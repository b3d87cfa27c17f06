import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.reader import ReadRequest
from ingest.schema.errors import AnalysisError
from ingest.segclr.csv_zip import SegclrReader
from ingest.synthetic.connectome import RESOLUTION, Synthetic, SyntheticFiles, make
from ingest.tables import open_source


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticFiles:
    return make(tmp_path_factory.mktemp("made") / "files", neurons=200, seed=0, frames=100)


def test_same_seed_same_bytes_and_another_seed_another_connectome(made: SyntheticFiles, tmp_path: Path) -> None:
    folder = made.neurons.parent
    again = make(tmp_path / "again", neurons=200, seed=np.random.default_rng(0), frames=100)
    assert digests(again.neurons.parent) == digests(folder)
    other = digests(make(tmp_path / "other", neurons=200, seed=1, frames=100).neurons.parent)
    names = (
        "neurons.csv",
        "synapses.parquet",
        "recordings.parquet",
        "behavior.parquet",
        "responses.parquet",
        "truth.json",
    )
    assert all(other[name] != digests(folder)[name] for name in names)


def test_what_is_asked_first_changes_nothing() -> None:
    one, two = Synthetic(100, seed=2, frames=10), Synthetic(100, seed=2, frames=10)
    list(two.embeddings())
    list(two.behavior())
    for ask in ("neurons", "synapses", "embeddings", "activity", "behavior", "responses"):
        first, second = (pa.Table.from_batches(getattr(source, ask)()) for source in (one, two))
        assert first.equals(second)
        assert pa.Table.from_batches(getattr(one, ask)()).equals(first)


def test_the_readers_give_back_what_was_made(made: SyntheticFiles) -> None:
    source = Synthetic(200, seed=0, frames=100)
    neurons = open_source(made.neurons, ReadRequest("neurons")).to_reader().read_all()
    wanted = pa.Table.from_batches(source.neurons())
    assert neurons.select(wanted.schema.names).to_pydict() == wanted.to_pydict()
    request = ReadRequest("synapses", columns="cave", resolution=RESOLUTION)
    synapses = open_source(made.synapses, request).to_reader().read_all()
    wanted = pa.Table.from_batches(source.synapses())
    assert synapses.num_rows == made.synapse_count
    for name in ("synapse_id", "pre_root_id", "post_root_id", "neuropil", "size"):
        assert synapses[name].to_pylist() == wanted[name].to_pylist()
    for axis, edge in zip("xyz", RESOLUTION.xyz, strict=True):
        apart = synapses[f"{axis}_nm"].to_numpy() - wanted[f"{axis}_nm"].to_numpy()
        assert np.abs(apart).max() <= edge / 2


def test_shards_give_back_every_vector(made: SyntheticFiles) -> None:
    request = ReadRequest("embeddings", options={"coordinates": "nm"})
    found = SegclrReader().read(made.embeddings, request).to_reader().read_all()
    found = found.sort_by([("root_id", "ascending"), ("node_id", "ascending")])
    wanted = pa.Table.from_batches(Synthetic(200, seed=0, frames=100).embeddings())
    for name in ("root_id", "node_id", "x_nm", "y_nm", "z_nm", "vector"):
        assert found[name].to_pylist() == wanted[name].to_pylist()
    assert len(list(made.embeddings.glob("*.zip"))) == 4


def test_truth_names_the_planted_loops_and_they_are_in_the_file(made: SyntheticFiles) -> None:
    planted = json.loads(made.truth.read_text())["planted"]
    table = pq.read_table(made.synapses, columns=["pre_pt_root_id", "post_pt_root_id"])
    counted = table.group_by(table.schema.names).aggregate([([], "count_all")]).to_pylist()
    counts = {(row["pre_pt_root_id"], row["post_pt_root_id"]): row["count_all"] for row in counted}
    assert len(planted["instances"]) == 5
    for instance in planted["instances"]:
        for a, b in planted["edges"]:
            assert counts[int(instance[a]), int(instance[b])] >= planted["min_weight"]
    assert sum(count >= planted["min_weight"] for count in counts.values()) == 15


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"neurons": 10}, "neurons: found 10"),
        ({"types": 90}, "types: found 90"),
        ({"reciprocity": 1.5}, "reciprocity"),
        ({"planted": 1_000}, "planted"),
        ({"frames": 0}, "frames"),
    ],
)
def test_impossible_numbers_are_refused(arguments: dict[str, float], says: str) -> None:
    with pytest.raises(AnalysisError, match=says):
        Synthetic(**arguments)  # type: ignore[arg-type]


STREAM = """
import psutil
from ingest.synthetic.connectome import Synthetic
source = Synthetic(30_000, {synapses}, seed=0)
process, rows, peak = psutil.Process(), 0, 0
for batch in source.synapses():
    rows += batch.num_rows
    peak = max(peak, process.memory_info().rss)
print(rows, peak)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_synapses() -> None:
    def streamed(synapses: int) -> tuple[int, int]:
        run = [sys.executable, "-c", STREAM.format(synapses=synapses)]
        rows, peak = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
        return int(rows), int(peak)

    few, low = streamed(1_000_000)
    many, high = streamed(8_000_000)
    assert abs(few / 1_000_000 - 1) < 0.02
    assert abs(many / 8_000_000 - 1) < 0.02
    # All of them in memory would be more than 400 MB.
    assert high < 400 * 2**20
    assert high - low < 50 * 2**20
