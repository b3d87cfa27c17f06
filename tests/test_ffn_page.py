"""What stands in docs/ffn.md runs as it stands: the Python, and the commands from a segmentation to a graph."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import h5py
import numpy as np
import pytest

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, save_checkpoint
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import seeded_weights
from graphlab import Graph
from graphlab.cli import main
from ingest.skeletons.precomputed import read_precomputed

PAGE = (Path(__file__).parents[1] / "docs" / "ffn.md").read_text(encoding="utf-8")


def test_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE, flags=re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, "docs/ffn.md", "exec"), {})
    assert "1 0\n" in capsys.readouterr().out


def run(line: str, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    """The exit status of a command."""
    words = shlex.split(line)
    assert words[0] == "graphlab"
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_a_segmentation_becomes_a_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nine bars along x, of a label each, with membrane between them."""
    labels = np.zeros((24, 24, 32), dtype=np.uint64)
    edges = [(0, 6), (8, 15), (17, 24)]
    for number, ((a, b), (c, d)) in enumerate(((one, two) for one in edges for two in edges), start=1):
        labels[a:b, c:d] = 2**60 + number
    noise = np.random.default_rng(0).normal(0, 12, labels.shape)
    with h5py.File(tmp_path / "cube.h5", "w") as file:
        file["em"] = np.clip(np.where(labels > 0, 170, 70) + noise, 0, 255).astype(np.uint8)
        file["seg"] = labels
    encoder = Checkpoint(ModelCard("tiny", TINY, resolution=(32.0, 32.0, 32.0)), seeded_weights(TINY, 0))
    save_checkpoint(tmp_path / "encoder.safetensors", encoder)
    monkeypatch.chdir(tmp_path)
    (block,) = re.findall(r"^```bash\n(.*?)^```", PAGE, flags=re.M | re.S)
    for line in block.splitlines():
        assert not run(line, monkeypatch), line
    said = capsys.readouterr().out
    assert "made synapses (drawn by chance, not measured) of 12 pairs that touch" in said
    skeleton = read_precomputed(tmp_path / "skeletons", 2**60 + 5)
    # A bar of 32 voxels of 32 nm; its skeleton ends within its ends.
    assert 600 < skeleton.path_length_nm <= 32 * 32 * 1.2
    with Graph.open(tmp_path / "brain", read_only=True) as graph:
        info = graph.info()
        made = graph.query("SELECT DISTINCT neuropil FROM synapses").to_arrow().to_pylist()
    assert made == [{"neuropil": "made"}]
    assert info.counts["neurons"] == 9
    assert info.counts["synapses"] > 0
    assert (info.embeddings[0]["model"], info.embeddings[0]["neurons"]) == ("tiny", 9)


def test_a_target_that_is_there_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s").mkdir()
    assert run("graphlab skeletonise nowhere.h5:seg s --resolution 8,8,8 --offset 0,0,0", monkeypatch) == 1
    assert "s exists; remove it" in capsys.readouterr().err


def test_chunks_that_are_not_there_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    monkeypatch.chdir(tmp_path)
    for name, kind in (("seg", "<u8"), ("em", "|u1")):
        metadata = {"shape": [12, 12, 24], "chunks": [12, 12, 12], "dtype": kind}
        spec = {"driver": "zarr", "kvstore": f"file://{tmp_path}/{name}/", "metadata": metadata}
        tensorstore.open(spec, create=True).result().write((np.arange(24) // 2 + 1).astype(kind)).result()
        (tmp_path / name / "0.0.1").unlink()
    place = "--resolution 8,8,8 --offset 0,0,0 --axes zyx"
    network = "--depth 1 --features 1 --fov 3,3,3 --deltas 1,1,1 --radius 1,1,1 --least-voxels 1 --steps 1 --examples 1"
    for line, names in (
        (f"skeletonise seg skeletons {place} --least-voxels 0", ["seg"]),
        (f"make-synapses seg made.csv {place}", ["seg"]),
        (f"train ffn f.safetensors --em em --labels seg {place} {network}", ["em", "seg"]),
    ):
        assert not run(f"graphlab {line}", monkeypatch), line
        told = [part for part in capsys.readouterr().out.splitlines() if "not there" in part]
        assert told == [f"  - 1 chunks of {name} are not there: read as 0, the fill value" for name in names]


def test_nothing_is_made_of_what_holds_no_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["seg"] = np.full((4, 4, 4), np.nan, dtype=np.float32)
    monkeypatch.chdir(tmp_path)
    for verb, target in (("skeletonise", "s"), ("make-synapses", "s.csv")):
        assert run(f"graphlab {verb} x.h5:seg {target} --resolution 8,8,8 --offset 0,0,0", monkeypatch) == 1
        assert "holds float32; wanted whole numbers" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]
