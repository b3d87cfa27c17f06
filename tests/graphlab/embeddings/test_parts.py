"""``graphlab embed --part``: nodes that lie together, a journal a part, no node missing, the vectors of one run."""

from __future__ import annotations

import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard, save_checkpoint
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import seeded_weights
from graphlab.cli import app
from graphlab.distributed.parts_folder import MissingParts
from graphlab.embeddings.parts import nodes_of_part, together
from graphlab.graph import Graph
from ingest.nodes import read_nodes
from ingest.schema.errors import AnalysisError, GraphlabError, ReadError, VersionError

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")


def nodes_at(points: Any) -> pa.Table:
    ids = np.arange(len(points), dtype=np.uint64)
    x, y, z = np.asarray(points, dtype=np.float64).reshape(-1, 3).T
    return pa.table({"root_id": ids // 5, "node_id": ids, "x_nm": x, "y_nm": y, "z_nm": z})


@given(st.lists(st.tuples(*[st.floats(-1e7, 1e7)] * 3), max_size=30), st.integers(1, 8), st.floats(1.0, 1e6))
def test_every_node_is_of_one_part(points: list[Any], parts: int, cell_nm: float) -> None:
    nodes = nodes_at(points)
    own = [nodes_of_part(nodes, part, parts, cell_nm)["node_id"].to_pylist() for part in range(1, parts + 1)]
    assert sorted(chain.from_iterable(own)) == nodes["node_id"].to_pylist()
    assert max(map(len, own)) - min(map(len, own)) <= 1


def test_a_part_has_nodes_that_lie_together() -> None:
    rng = np.random.default_rng(0)
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)]) * 1e5
    points = np.concatenate([corner + rng.random((10, 3)) * 1e3 for corner in corners])
    order = together(nodes_at(points[rng.permutation(len(points))]), 2e3)
    assert sorted(order.tolist()) == list(range(80))
    shuffled = nodes_at(points[np.random.default_rng(0).permutation(len(points))])
    placed = np.stack([shuffled[f"{axis}_nm"].to_numpy() for axis in "xyz"], axis=1)[together(shuffled, 2e3)]
    for eighth in np.split(placed, 8):
        assert np.ptp(eighth, axis=0).max() < 1e3


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.default_rng(3)
    with h5py.File(folder / "v.h5", "w") as file:
        file["em"] = rng.integers(1, 256, (60, 60, 60), dtype=np.uint8)
        file["seg"] = np.full((60, 60, 60), 7, dtype=np.uint64)
    rows = [f"7,{node},{','.join(map(str, rng.random(3) * 480))}" for node in range(9)]
    rows.append("7,99,-5000,0,0")  # outside
    (folder / "nodes.csv").write_text("root_id,node_id,x_nm,y_nm,z_nm\n" + "\n".join(rows) + "\n")
    card = ModelCard("tiny", TINY, (8.0, 8.0, 8.0))
    for seed, name in enumerate(("tiny", "other")):
        save_checkpoint(folder / f"{name}.safetensors", Checkpoint(card, seeded_weights(TINY, seed)))
    pq.write_table(read_nodes(folder / "nodes.csv"), folder / "nodes.parquet")
    Graph.create(folder / "g").close()
    return folder


def embed(made: Path, *options: object, checkpoint: str = "tiny") -> tuple[int, Any]:
    """Exit status and document of the command; errors are raised."""
    words = ["embed", made / "g", "--em", f"{made}/v.h5:em", "--segmentation", f"{made}/v.h5:seg"]
    nodes = "nodes.parquet" if "--part" in options else "nodes.csv"
    words += ["--nodes", made / nodes, "--checkpoint", made / f"{checkpoint}.safetensors", "--engine", "torch"]
    words += ["--device", "cpu", "--resolution", "8,8,8", "--segmentation-version", "1", "--axes", "zyx", "--json"]
    words += ["--offset", "0,0,0", "--segmentation-offset", "0,0,0"]
    done = CliRunner().invoke(app, [*map(str, words), *map(str, options)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout)


def test_parts_are_filed_as_one_run_is(made: Path, tmp_path: Path) -> None:
    parts = ("--model", "parts", "--shared", tmp_path / "shared", "--part")
    with pytest.raises(ReadError, match="no part has been run there"):
        embed(made, *parts, "gather")
    failed = 0
    for part in (3, 1):
        code, told = embed(made, *parts, f"{part}/3")
        assert (code, told["run_id"], told["computed"] + told["failed"] in (3, 4)) == (0, None, True)
        failed += told["failed"]
    with pytest.raises(MissingParts, match=r"part 2 of 3 is missing or unfinished. Run it again, as in --part 2/3"):
        embed(made, *parts, "gather")
    code, forecast = embed(made, *parts, "2/3", "--dry-run")
    code, told = embed(made, *parts, "2/3")
    assert (code, told["computed"]) == (0, forecast["nodes"] - forecast["outside"])
    failed += told["failed"]
    _, again = embed(made, *parts, "2/3")
    assert (again["computed"], again["finished_before"]) == (0, told["computed"])
    with pytest.raises(VersionError, match="holds parts of another run .*weights"):
        embed(made, *parts, "2/3", checkpoint="other")
    with pytest.raises(VersionError, match="the number of parts is 3 there, 4 now"):
        embed(made, *parts, "2/4")
    code, filed = embed(made, *parts, "gather")
    assert (code, filed["computed"], filed["failed"], failed) == (11, 9, 1, 1)
    assert filed["run_id"]
    code, whole = embed(made, "--model", "whole")
    assert (code, whole["failures"]) == (11, filed["failures"])
    with Graph.open(made / "g", read_only=True) as graph:
        one, other = (graph.embeddings.open(name).to_arrow() for name in ("parts", "whole"))
    assert one.drop_columns(["vector"]).equals(other.drop_columns(["vector"]))
    # Crops are computed in batches of other crops, so their last digits may differ.
    vectors = [np.array(table["vector"].to_pylist(), dtype=np.float32) for table in (one, other)]
    np.testing.assert_allclose(*vectors, rtol=0, atol=1e-6)


def test_a_damaged_part_is_named(made: Path, tmp_path: Path) -> None:
    parts = ("--model", "damaged", "--shared", tmp_path / "shared", "--part")
    for part in (1, 2):
        embed(made, *parts, f"{part}/2")
    (path,) = (tmp_path / "shared" / "part-00002").glob("part-*.arrow")
    content = path.read_bytes()
    path.write_bytes(content[:-40] + bytes(40))
    with pytest.raises(ReadError, match=r"part-00002/part-000000-.* (damaged|corrupt)"):
        embed(made, *parts, "gather")
    path.unlink()
    with pytest.raises(ReadError, match="5 of 10 nodes have neither|4 of 10 nodes have neither"):
        embed(made, *parts, "gather")
    embed(made, *parts, "2/2")
    embed(made, *parts, "gather")
    with Graph.open(made / "g", read_only=True) as graph:
        assert graph.embeddings.open("damaged").rows == 9


def test_a_part_and_its_folder_go_together(made: Path, tmp_path: Path) -> None:
    with pytest.raises(AnalysisError, match="go together"):
        embed(made, "--part", "1/2")
    with pytest.raises(AnalysisError, match="give I/N instead of any"):
        embed(made, "--part", "any", "--shared", tmp_path / "s")
    with pytest.raises(GraphlabError, match="wanted I/N such as 3/8"):
        embed(made, "--part", "x", "--shared", tmp_path / "s")
