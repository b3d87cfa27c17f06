"""graph.embed and graphlab embed: volumes to a model of the graph, to Google's layout, over and over."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, save_checkpoint
from gpu_embed.encoder.architectures import SEGCLR, TINY
from gpu_embed.encoder.variables import seeded_weights
from graphlab.cli import app
from graphlab.graph import Graph
from graphlab.store.embeddings.intake import origin_key
from ingest.nodes import nodes_of
from ingest.schema.errors import AnalysisError, ReadError, SchemaError, StoreError, VersionError
from ingest.skeletons.from_volumes import skeletonise
from ingest.volumes.volume import Volume, open_volume

ts = pytest.importorskip("tensorstore")
SHAPE = (70, 80, 90)
ROOTS = (2**62 + 1, 7)


def precomputed(path: Path, data: np.ndarray, nm: tuple[float, ...], kind: str, offset: tuple[int, ...]) -> str:
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{path}/",
        "multiscale_metadata": {"type": kind, "data_type": str(data.dtype), "num_channels": 1},
        "scale_metadata": {
            "size": data.shape[::-1],
            "resolution": nm,
            "voxel_offset": offset,
            "encoding": "raw",
            "chunk_size": [32, 32, 32],
        },
    }
    ts.open(spec, create=True, open=True).result()[...] = data.T[..., None]
    return f"precomputed://{path}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small volume at 8 nm, its segmentation at 8 x 16 x 16 nm, nodes, a tiny encoder."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(11)
    precomputed(folder / "em", rng.integers(1, 256, SHAPE, dtype=np.uint8), (8, 8, 8), "image", (10, 20, 30))
    ids = np.full((35, 40, 90), ROOTS[0], dtype=np.uint64)
    ids[:, 20:] = ROOTS[1]
    precomputed(folder / "seg", ids, (8, 16, 16), "segmentation", (10, 10, 15))
    rows = ["root_id,node_id,x_nm,y_nm,z_nm"]
    for node in range(12):
        x, y, z = (rng.random(3) * SHAPE[::-1] + (10, 20, 30)) * 8
        rows.append(f"{ROOTS[int(y >= 30 * 16)]},{node},{x},{y},{z}")
    (folder / "nodes.csv").write_text("\n".join(rows) + "\n")
    card = ModelCard("tiny", TINY, (8.0, 8.0, 8.0))
    save_checkpoint(folder / "tiny.safetensors", Checkpoint(card, seeded_weights(TINY, 1)))
    save_checkpoint(folder / "other.safetensors", Checkpoint(card, seeded_weights(TINY, 2)))
    return folder


def asked(made: Path, **options: Any) -> dict[str, Any]:
    places = {"em": f"precomputed://{made / 'em'}", "segmentation": made / "seg", "nodes": made / "nodes.csv"}
    chosen = {"checkpoint": made / "tiny.safetensors", "engine": "torch", "device": "cpu", "segmentation_version": "1"}
    # The scale is given for the segmentation only: the EM's own is compared with the card's.
    return {**places, **chosen, "segmentation_resolution": "8,16,16", **options}


def rows_of(graph: Graph, model: str | None = None) -> dict[tuple[int, int], list[float]]:
    table = graph.embeddings.open(model).to_arrow().to_pydict()
    return dict(zip(zip(table["root_id"], table["node_id"], strict=True), table["vector"], strict=True))


@pytest.mark.slow
def test_embeddings_reach_the_graph_and_google(made: Path, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        done = graph.embeddings.embed(**asked(made), csvzip=tmp_path / "zips")
        assert (done.model, done.computed, done.failed) == ("tiny", 12, 0)
        stored = graph.embeddings.open()
        assert (stored.model, stored.segmentation_version, stored.rows) == ("tiny", "1", 12)
        rows = rows_of(graph)
        points = stored.to_arrow().select(["root_id", "x_nm", "y_nm", "z_nm"]).to_pydict()
        again = graph.embeddings.embed(**asked(made))
        assert (again.computed, again.finished_before, again.run_id) == (0, 12, None)
        assert rows_of(graph) == rows
        assert not list((tmp_path / "g" / "embeddings").glob(".*"))
        assert graph.folder.meta(origin_key("tiny"))["name"] == "tiny"
        assert not (tmp_path / "g" / "models").exists(), "predictors have that folder for themselves"
        # What we wrote for Google comes back the same.
        graph.ingest(tmp_path / "zips", as_="embeddings", model="back", segmentation_version="1")
        assert rows_of(graph, "back") == rows

    from connectomics.common.sharding import md5_shard
    from connectomics.segclr.reader import EmbeddingReader

    class Files:
        def open(self, path: str) -> Any:
            return Path(path).open("rb")

    reader = EmbeddingReader(Files(), str(tmp_path / "zips"), lambda root: md5_shard(root, 50_000, bytewidth=8))
    theirs = {(root, xyz): np.array(vector, np.float32) for root in ROOTS for xyz, vector in reader[root].items()}
    places = list(zip(*(points[name] for name in points), strict=True))
    assert len(theirs) == 12
    for (root, *xyz), vector in zip(places, rows.values(), strict=True):
        key = next(k for k in theirs if k[0] == root and np.array_equal(np.float32(k[1]), np.float32(xyz)))
        assert np.array_equal(theirs[key], np.array(vector, np.float32))


def test_crops_cut_on_the_device_are_the_same(made: Path, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.embeddings.embed(**asked(made, model="host"))
        forecast = graph.embeddings.forecast(**asked(made, model="device", cutting="device"))
        done = graph.embeddings.embed(**asked(made, model="device", cutting="device"))
        assert (forecast.reads, forecast.bytes_read) == (done.reads, done.bytes_read)
        host, device = rows_of(graph, "host"), rows_of(graph, "device")
        assert host.keys() == device.keys()
        for key, vector in host.items():
            np.testing.assert_allclose(device[key], vector, rtol=0, atol=1e-6)
        with pytest.raises(AnalysisError, match="takes crops from the host only"):
            graph.embeddings.embed(**asked(made, model="x", engine="onnxruntime", cutting="device"))


def ome_zarr(path: Path, volume: Volume) -> Path:
    """A group of two scales, the volume and every other voxel of it."""
    path.mkdir()
    # Both scales have to begin at a whole voxel.
    start = [at + at % 2 for at in volume.start]
    data = volume.read(start, volume.stop)
    datasets = []
    for level, step in enumerate((2, 1)):
        array = data[::step, ::step, ::step]
        spec = {"driver": "zarr", "kvstore": f"file://{path}/{level}/", "metadata": {"chunks": [32, 32, 32]}}
        ts.open(spec, create=True, dtype=array.dtype, shape=array.shape).result()[...] = array
        size = np.array(volume.resolution.xyz[::-1])
        begins = (np.array(start) * size).tolist()
        moves = [{"type": "scale", "scale": (size * step).tolist()}, {"type": "translation", "translation": begins}]
        datasets.append({"path": str(level), "coordinateTransformations": moves})
    axes = [{"name": axis, "type": "space", "unit": "nanometer"} for axis in "zyx"]
    (path / ".zgroup").write_text('{"zarr_format": 2}')
    (path / ".zattrs").write_text(json.dumps({"multiscales": [{"version": "0.4", "axes": axes, "datasets": datasets}]}))
    return path


def test_scales_of_ome_zarr_are_chosen_by_the_card(made: Path, tmp_path: Path) -> None:
    """Nobody says a resolution: the EM's is the card's, the segmentation's the nearest to it; both are aligned."""
    em = ome_zarr(tmp_path / "em", open_volume(f"precomputed://{made / 'em'}"))
    segmentation = ome_zarr(tmp_path / "seg", open_volume(f"precomputed://{made / 'seg'}"))
    with Graph.create(tmp_path / "g") as graph:
        graph.embeddings.embed(**asked(made))
        options = asked(made, em=em, segmentation=segmentation, model="ome", segmentation_resolution=None)
        done = graph.embeddings.embed(**options)
        whole, found = rows_of(graph, "tiny"), rows_of(graph, "ome")
        assert done.computed + done.failed == 12
        # The segmentation began at voxel 15 along z, its group at 16: crops that reach there are others.
        nodes = graph.embeddings.open("ome").to_arrow().select(["root_id", "node_id", "z_nm"]).to_pylist()
        far = [(n["root_id"], n["node_id"]) for n in nodes if n["z_nm"] // 8 - 16 >= 32]
        assert len(far) > 5
        for key in far:
            np.testing.assert_allclose(found[key], whole[key], rtol=0, atol=1e-6)
        with pytest.raises(VersionError, match="trained at 8,8,8 nm a voxel, .*em has 16,16,16"):
            graph.embeddings.embed(
                **options | {"model": "coarse", "resolution": "16,16,16", "segmentation_resolution": "8,16,16"}
            )


def test_other_weights_versions_and_resolutions_are_kept_apart(made: Path, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(SchemaError, match="need the version of their segmentation"):
            graph.embeddings.embed(**asked(made, segmentation_version=None))
        graph.embeddings.embed(**asked(made))
        with pytest.raises(VersionError, match="was made by other weights"):
            graph.embeddings.embed(**asked(made, checkpoint=made / "other.safetensors"))
        with pytest.raises(VersionError, match="is here for segmentation version 1, this run is of 2"):
            graph.embeddings.embed(**asked(made, segmentation_version="2"))
        with pytest.raises(VersionError, match="em has no voxels of 32,32,40 nm; its scales: 8,8,8"):
            graph.embeddings.embed(**asked(made, resolution="32,32,40"))
        done = graph.embeddings.embed(
            **asked(made, model="far", checkpoint=_at(made, tmp_path, (32, 32, 40)), out_of_domain=True)
        )
        assert done.model == "far-out-of-domain"
        assert any(note.startswith("out of domain: the network was trained at 32,32,40") for note in done.notes)
        with pytest.raises(VersionError, match="trained at 32,32,40 nm a voxel"):
            graph.embeddings.embed(**asked(made, model="far", checkpoint=_at(made, tmp_path, (32, 32, 40))))
        assert {model["model"] for model in graph.info().embeddings} == {"tiny", "far-out-of-domain"}


def _at(made: Path, folder: Path, nm: tuple[float, float, float]) -> Path:
    path = folder / "at.safetensors"
    save_checkpoint(path, Checkpoint(ModelCard("at", TINY, nm), seeded_weights(TINY, 1)))
    return path


def graphlab(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.mark.slow
def test_command_line(made: Path, tmp_path: Path) -> None:
    graph = tmp_path / "g"
    em = tmp_path / "em"
    shutil.copytree(made / "em", em)
    chunks = sorted((em / "8_8_8").iterdir())
    chunks[0].write_bytes(b"no voxels")
    flags: list[str | Path] = ["embed", graph, "--em", f"precomputed://{em}", "--segmentation", made / "seg"]
    flags += ["--nodes", made / "nodes.csv", "--checkpoint", made / "tiny.safetensors", "--engine", "torch"]
    assert graphlab("init", graph, "--materialization", "1").exit_code == 0
    dry = graphlab(*flags, "--dry-run", "--json")
    assert dry.exit_code == 0, dry.output
    forecast = json.loads(dry.stdout)
    assert (forecast["nodes"], forecast["outside"]) == (12, 0)
    assert 0 < forecast["reads"] < forecast["naive_reads"]
    said = graphlab(*flags, "--dry-run").stdout
    assert said.count("\n") == 5
    assert "device hours" in said.splitlines()[-1]
    assert not list((graph / "embeddings").glob("*"))
    # One of them as a shell sees it.
    command = [
        sys.executable,
        "-m",
        "graphlab.cli",
        *map(str, flags),
        "--failed",
        str(tmp_path / "failed.csv"),
        "--json",
    ]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    done = json.loads(run.stdout)
    assert 0 < done["failed"] < 12
    assert run.returncode == 10 + done["failed"], run.stderr
    assert "unreadable chunk" in run.stderr
    assert done["computed"] == 12 - done["failed"]
    assert len((tmp_path / "failed.csv").read_text().splitlines()) == 1 + done["failed"]
    shutil.copy(made / "em" / "8_8_8" / chunks[0].name, chunks[0])
    repaired = graphlab(*flags)
    assert repaired.exit_code == 0, repaired.output
    assert f"{done['failed']} nodes embedded" in repaired.stdout
    with Graph.open(graph, read_only=True) as opened, Graph.create(tmp_path / "whole") as whole:
        whole.embeddings.embed(**asked(made))
        ours, theirs = rows_of(opened), rows_of(whole)
        assert ours.keys() == theirs.keys()
        for key in ours:
            assert ours[key] == pytest.approx(theirs[key], abs=2e-5)
    chunks[0].unlink()
    for switch, failed in (("fill", 0), ("refuse", done["failed"])):
        assert graphlab("init", tmp_path / switch, "--materialization", "1").exit_code == 0
        absent = graphlab(flags[0], tmp_path / switch, *flags[2:], "--missing-chunks", switch, "--json")
        found = json.loads(absent.stdout)
        assert found["failed"] == failed
        noted = any("1 chunks of" in note and "read as 0, the fill value" in note for note in found["notes"])
        assert noted == (switch == "fill")
    wrong = graphlab(*flags[:-1], "tensorrt")
    assert wrong.exit_code == 1
    assert str(wrong.exception).startswith("unknown embedding engine 'tensorrt'")
    nan = graphlab(*flags, "--segmentation-offset", "1,2")
    assert (nan.exit_code, "wanted three whole numbers" in str(nan.exception)) == (1, True)


def test_bad_weights_and_a_full_disk_leave_the_graph_as_it_was(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Graph.create(tmp_path / "g") as graph:
        (tmp_path / "x.safetensors").write_bytes(b"\x80\x04pickle")
        with pytest.raises(ReadError, match="is a pickle"):
            graph.embeddings.embed(**asked(made, checkpoint=tmp_path / "x.safetensors"))
        with pytest.raises(SchemaError, match="holds architecture 'tiny' .crop 33.*wanted 'segclr' .crop 129"):
            graph.embeddings.embed(**asked(made, architecture="segclr"))
        save_checkpoint(
            tmp_path / "half.safetensors", Checkpoint(ModelCard("half", TINY, (16, 16, 16)), seeded_weights(TINY, 1))
        )
        with pytest.raises(VersionError, match="trained at 16,16,16 nm a voxel, .*em has 8,8,8.*--out-of-domain"):
            graph.embeddings.embed(**asked(made, checkpoint=tmp_path / "half.safetensors"))
        with pytest.raises(SchemaError, match="seg holds uint64; wanted EM as uint8"):
            graph.embeddings.embed(**asked(made, em=made / "seg", out_of_domain=True))
        import resource

        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1500, limits[1]))
        try:
            with pytest.raises(ReadError, match="free some space"):
                graph.embeddings.embed(**asked(made))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert graph.info().embeddings == []
        assert graph.embeddings.embed(**asked(made)).computed == 12


def test_synapses_are_placed_at_their_nearest_nodes(made: Path, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g", materialization="1") as graph:
        graph.embeddings.embed(**asked(made))
        there = graph.embeddings.open()
        ids, points, _ = there.nodes([ROOTS[0]])
        assert ids.size > 1
        place = points.astype(float) + np.array([3, 0, 0])
        synapses = pa.table(
            {
                "synapse_id": pa.array(range(len(ids)), pa.uint64()),
                "pre_root_id": pa.array([ROOTS[0]] * len(ids), pa.uint64()),
                "post_root_id": pa.array([99] * len(ids), pa.uint64()),
                **{f"{axis}_nm": place[:, i] for i, axis in enumerate("xyz")},
            }
        )
        graph.ingest(synapses, as_="synapses")
        nearest = [int(ids[np.linalg.norm(points - at, axis=1).argmin()]) for at in place]
        for _ in range(2):
            placed = graph.embeddings.place_synapses(10)
            assert (placed.synapses, placed.pre, placed.post) == (len(ids), len(ids), 0)
        kept = graph.folder.connection.execute(
            "SELECT node_id, side, model, distance_nm FROM synapse_embeddings ORDER BY synapse_id"
        ).fetchall()
        assert [row[0] for row in kept] == nearest
        assert {row[1:3] for row in kept} == {("pre", "tiny")}
        assert [row[3] for row in kept] == pytest.approx([3] * len(ids), abs=1e-3)
        with pytest.raises(SchemaError, match="none of the skeletons"):
            graph.embeddings.mixtures([])


@pytest.fixture(scope="module")
def fib25(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> dict[str, Any]:
    """The cube through TensorStore: PNG slices and ground truth written as precomputed, read back; skeletons of it."""
    folder = tmp_path_factory.mktemp("fib25")
    source = real_data / "ffn_fib25_training_sample2"
    with gzip.open(source / "groundtruth.h5.gz") as packed:
        (folder / "truth.h5").write_bytes(packed.read())
    # The cube's corner is its own origin here; both come without one.
    stack = open_volume(source / "grayscale_maps", resolution="10,10,10", offset=(0, 0, 0))
    truth = open_volume(f"{folder / 'truth.h5'}:stack", resolution="10,10,10", offset=(0, 0, 0))
    grey, ids = stack.read(stack.start, stack.stop), truth.read(truth.start, truth.stop)
    with h5py.File(folder / "truth.h5") as file:
        assert np.array_equal(file["stack"][:], ids)
    em = precomputed(folder / "em", grey, (10, 10, 10), "image", (0, 0, 0))
    segmentation = precomputed(folder / "seg", ids.astype(np.uint64), (10, 10, 10), "segmentation", (0, 0, 0))
    again: Volume = open_volume(em)
    assert np.array_equal(again.read(again.start, again.stop), grey)
    bodies, sizes = np.unique(ids[ids > 0], return_counts=True)
    chosen = bodies[np.argsort(sizes)[-4:]].tolist()
    skeletons = skeletonise(open_volume(segmentation), chosen, teasar={"const": 60})
    return {"em": em, "segmentation": segmentation, "skeletons": skeletons, "chosen": chosen, "folder": folder}


@pytest.mark.slow
def test_fib25_end_to_end(fib25: dict[str, Any], tmp_path: Path) -> None:
    skeletons = fib25["skeletons"]
    assert sorted(fib25["chosen"]) == [skeleton.root_id for skeleton in skeletons]
    nodes = nodes_of(skeletons, 200)
    assert nodes.num_rows > 40
    segmentation = open_volume(fib25["segmentation"])
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, Checkpoint(ModelCard("tiny", TINY, (10, 10, 10)), seeded_weights(TINY, 1)))
    with Graph.create(tmp_path / "g", dataset="fib25", resolution="10,10,10", materialization="truth") as graph:
        done = graph.embeddings.embed(fib25["em"], segmentation, nodes, path, device="cpu", engine="torch")
        assert (done.computed, done.failed) == (nodes.num_rows, 0)
        # 250 voxels in chunks of 32, read as blocks of 64: each once at most, of both volumes.
        assert done.reads <= 2 * 4**3
        stored = graph.embeddings.open("tiny")
        assert stored.rows == nodes.num_rows
        assert stored.segmentation_version == "truth"
        vectors = np.array(stored.to_arrow().column("vector").to_pylist())
        assert np.isfinite(vectors).all()
        assert np.unique(vectors.round(5), axis=0).shape[0] == stored.rows

        around = graph.embeddings.along(skeletons, 1000)
        assert around.num_rows == nodes.num_rows
        assert min(around.column("count").to_pylist()) >= 1
        assert max(around.column("count").to_pylist()) > 1
        counts = dict(
            zip(*graph.embeddings.mixtures(skeletons).select(["root_id", "count"]).to_pydict().values(), strict=True)
        )
        assert counts == {s.root_id: stored.lookup([s.root_id])[1][-1] for s in skeletons}


@pytest.mark.slow
def test_fib25_published_network_padded_out_of_domain(fib25: dict[str, Any], tmp_path: Path) -> None:
    """129^3 voxels at 32 nm are larger than the cube: at 10 nm the network runs, and what it says means nothing."""
    skeleton = fib25["skeletons"][-1]
    # Not in the middle: the crop of 129 voxels reaches out of the cube.
    edge = int(np.argmin(skeleton.points_nm.min(axis=1)))
    one = nodes_of([skeleton])
    one = one.filter(pa.array(one.column("node_id").to_numpy() == skeleton.node_ids[edge]))
    path = tmp_path / "segclr.safetensors"
    save_checkpoint(path, Checkpoint(ModelCard("segclr", SEGCLR, (32, 32, 33)), seeded_weights(SEGCLR, 1)))
    with Graph.create(tmp_path / "g", materialization="truth") as graph:
        said = (fib25["em"], fib25["segmentation"], one, path)
        with pytest.raises(VersionError, match="trained at 32,32,33 nm a voxel"):
            graph.embeddings.embed(*said, device="cpu", engine="torch")
        done = graph.embeddings.embed(*said, device="cpu", engine="torch", out_of_domain=True)
        assert (done.model, done.computed) == ("segclr-out-of-domain", 1)
        assert "1 crops reach out of the volume; they are 0 there" in done.notes
        assert graph.embeddings.open().width == 64


def test_a_run_killed_after_its_rows_were_filed_is_done(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The journal of the run is still there, with rows that the graph has."""
    from gpu_embed.journal import EmbeddingJournal

    with Graph.create(tmp_path / "g") as graph:
        with monkeypatch.context() as killed:
            killed.setattr(EmbeddingJournal, "remove", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                graph.embeddings.embed(**asked(made))
        rows = rows_of(graph)
        assert len(rows) == 12
        assert list((tmp_path / "g" / "embeddings").glob(".unfinished-*"))
        again = graph.embeddings.embed(**asked(made))
        assert (again.computed, again.run_id) == (0, None)
        assert rows_of(graph) == rows
        assert not list((tmp_path / "g" / "embeddings").glob(".unfinished-*"))


def test_another_ingest_keeps_what_a_stopped_run_has_done(made: Path, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.embeddings.embed(**asked(made), model="first")
        table = graph.embeddings.open("first").to_arrow()
        unfinished = tmp_path / "g" / "embeddings" / ".unfinished-second"
        unfinished.mkdir()
        (unfinished / "part-000000.arrow").write_bytes(b"rows")
        graph.ingest(table, as_="embeddings", model="third", segmentation_version="1")
    Graph.open(tmp_path / "g").close()
    assert [item.name for item in unfinished.iterdir()] == ["part-000000.arrow"]


def test_a_model_of_other_weights_or_of_means_is_not_replaced(made: Path, tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.embeddings.embed(**asked(made))
        rows = rows_of(graph)
        with pytest.raises(VersionError, match="made by other weights"):
            graph.embeddings.embed(**{**asked(made), "checkpoint": made / "other.safetensors"}, model="tiny")
        table = graph.embeddings.open("tiny").to_arrow()
        graph.ingest(table, as_="embeddings", model="mine", segmentation_version="1")
        (tmp_path / "g" / "models").mkdir()
        # A predictor's card of that name says nothing about embeddings.
        card = {"task": "cell-type", "weights_sha256": graph.folder.meta(origin_key("tiny"))["weights_sha256"]}
        (tmp_path / "g" / "models" / "mine.json").write_text(json.dumps(card))
        with pytest.raises(VersionError, match="made by other weights"):
            graph.embeddings.embed(**asked(made), model="mine")
        assert rows_of(graph, "tiny") == rows
        for name in ("../out", "a/b", ".hidden", "x" * 200):
            with pytest.raises(SchemaError, match="no name of a model"):
                graph.embeddings.embed(**asked(made), model=name)
        with pytest.raises(SchemaError, match="would both be"):
            graph.embeddings.embed(**asked(made), model="TINY")


def test_more_nodes_say_which_joins_are_to_be_made_again(made: Path, tmp_path: Path) -> None:
    lines = (made / "nodes.csv").read_text().splitlines()
    (tmp_path / "few.csv").write_text("\n".join(lines[:6]) + "\n")
    with Graph.create(tmp_path / "g", materialization="1") as graph:
        graph.ingest(pa.table({"root_id": pa.array(ROOTS, pa.uint64())}), as_="neurons")
        graph.embeddings.embed(**{**asked(made), "nodes": tmp_path / "few.csv"})
        graph.embeddings.join("tiny")
        done = graph.embeddings.embed(**asked(made))
        assert [note for note in done.notes if "join-embeddings" in note], done.notes
        with pytest.raises(StoreError, match="lies in the graph"):
            graph.embeddings.embed(**asked(made), csvzip=tmp_path / "g" / "zips")
