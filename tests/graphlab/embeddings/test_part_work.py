"""All parts of an embedding by the workers of a runner: filed as one run is, stopped, gone on; unseen folders."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from gpu_embed.checkpoints.safetensors import Checkpoint, ModelCard
from gpu_embed.encoder.architectures import TINY
from gpu_embed.encoder.variables import seeded_weights
from graphlab.cli import app
from graphlab.commands.terminal import cost_so_far
from graphlab.distributed.content import digest
from graphlab.embeddings import part_work
from graphlab.embeddings.part_work import PartWork
from graphlab.embeddings.parts import PartPlace
from graphlab.graph import Graph
from ingest.running.task_runners import InTurn, pickled
from ingest.schema.errors import AnalysisError, GraphlabError, ReadError, VersionError

h5py = pytest.importorskip("h5py")
pytest.importorskip("torch")
NODES, SIDE = 40, 60
CHECKPOINT = Checkpoint(ModelCard("tiny", TINY, (8.0, 8.0, 8.0)), seeded_weights(TINY, 0))


class Stopping(InTurn):
    """Ends after so many tasks, as a process does that is killed."""

    def __init__(self, most: int) -> None:
        super().__init__(workers=4)
        object.__setattr__(self, "most", most)
        object.__setattr__(self, "done", 0)

    def map_tasks(self, *arguments: Any, **named: Any) -> Generator[Any, None, None]:
        for result in super().map_tasks(*arguments, **named):
            if self.done == self.most:  # type: ignore[attr-defined]
                raise KeyboardInterrupt
            object.__setattr__(self, "done", self.done + 1)  # type: ignore[attr-defined]
            yield result


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(part_work, "LEAST_NODES", 10)
    rng = np.random.default_rng(3)
    with h5py.File(tmp_path / "v.h5", "w") as file:
        file["em"] = rng.integers(1, 256, (SIDE,) * 3, dtype=np.uint8)
        file["seg"] = np.full((SIDE,) * 3, 7, dtype=np.uint64)
    points = np.concatenate([rng.random((NODES, 3)) * SIDE * 8, [[-5000.0, 0, 0]]])  # the last is outside
    ids = np.arange(NODES + 1, dtype=np.uint64)
    nodes = pa.table(
        {"root_id": np.full_like(ids, 7), "node_id": ids, **dict(zip(("x_nm", "y_nm", "z_nm"), points.T, strict=True))}
    )
    return {
        "em": f"{tmp_path}/v.h5:em", "segmentation": f"{tmp_path}/v.h5:seg", "nodes": nodes, "checkpoint": CHECKPOINT,
        "engine": "torch", "device": "cpu", "resolution": "8,8,8", "segmentation_version": "1", "axes": "zyx",
        "offset": (0, 0, 0), "segmentation_offset": (0, 0, 0),
    }  # fmt: skip


def test_what_workers_make_is_filed_as_one_run_is(asked: dict[str, Any], tmp_path: Path) -> None:
    shared, told = tmp_path / "shared", []
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(KeyboardInterrupt):
            graph.embeddings.embed(**asked, model="parts", workers=Stopping(2), shared=shared)
        before = len(list(shared.glob("part-*/done.json")))
        assert before in (2, 3)  # one may be done and not handed over
        with pytest.raises(VersionError, match="another run .*segmentation version"):
            graph.embeddings.embed(
                **{**asked, "segmentation_version": "2"}, model="other", workers=InTurn(), shared=shared
            )
        theirs = shared / "part-00000.parquet"  # as Spark names its own
        theirs.write_bytes(b"rows")
        going_on = Stopping(99)
        made = graph.embeddings.embed(
            **asked, model="parts", workers=going_on, shared=shared, progress=lambda *two: told.append(two)
        )
        assert going_on.done == 5 - before  # type: ignore[attr-defined]
        assert told[0][0] > 0
        assert told[-1] == (NODES + 1, NODES + 1)
        assert (made.computed, made.failed) == (NODES, 1)
        assert list(shared.iterdir()) == [theirs]
        whole = graph.embeddings.embed(**asked, model="whole")
        assert made.failures.equals(whole.failures)
        one, other = (graph.embeddings.open(name).to_arrow() for name in ("parts", "whole"))
        again = graph.embeddings.embed(**{**asked, "nodes": asked["nodes"][:NODES]}, model="parts", workers=InTurn())
        assert (again.computed, again.finished_before) == (0, NODES)
    assert one.drop_columns(["vector"]).equals(other.drop_columns(["vector"]))
    # Crops are computed in batches of other crops, so their last digits may differ.
    vectors, same = (np.array(table["vector"].to_pylist(), dtype=np.float32) for table in (one, other))
    np.testing.assert_allclose(vectors, same, rtol=0, atol=1e-6)


def test_a_machine_that_does_not_see_the_folder_says_so(asked: dict[str, Any], tmp_path: Path) -> None:
    from gpu_embed.engines.protocol import EngineOptions

    volumes: list[tuple[Any, dict[str, Any]]] = [(asked["em"], {}), (asked["segmentation"], {})]
    work = PartWork((volumes[0], volumes[1]), CHECKPOINT, "torch", EngineOptions(device="cpu"), {}, {})
    with pytest.raises(ReadError, match=r"machine .* does not see .*/elsewhere; give a folder with --shared"):
        work((PartPlace(tmp_path / "elsewhere", 1, 2), asked["nodes"]))
    plain = len(pickled(work, "the work"))
    assert work._engine.batch > 0  # what a process has opened is not sent
    assert len(pickled(work, "the work")) == plain
    assert digest(work, "the work")


def test_workers_and_a_part_do_not_go_together(asked: dict[str, Any], tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        with pytest.raises(AnalysisError, match="workers compute all parts themselves"):
            graph.embeddings.embed(**asked, workers=InTurn(), part="1/2", shared=tmp_path / "s")
        with pytest.raises(AnalysisError, match="go together"):
            graph.embeddings.embed(**asked, shared=tmp_path / "s")


def test_the_command_line_says_what_it_costs(asked: dict[str, Any], tmp_path: Path) -> None:
    from gpu_embed.checkpoints.safetensors import save_checkpoint

    Graph.create(tmp_path / "g").close()
    save_checkpoint(tmp_path / "tiny.safetensors", CHECKPOINT)
    (tmp_path / "nodes.csv").write_text("root_id,node_id,x_nm,y_nm,z_nm\n7,1,100,100,100\n")
    words = ["embed", tmp_path / "g", "--em", asked["em"], "--segmentation", asked["segmentation"], "--nodes"]
    words += [
        tmp_path / "nodes.csv",
        "--checkpoint",
        tmp_path / "tiny.safetensors",
        "--engine",
        "torch",
        "--axes",
        "zyx",
    ]
    words += [
        "--resolution",
        "8,8,8",
        "--segmentation-version",
        "1",
        "--offset",
        "0,0,0",
        "--segmentation-offset",
        "0,0,0",
    ]

    def said(*options: str) -> str:
        done = CliRunner().invoke(app, [*map(str, words), *options])
        if isinstance(done.exception, GraphlabError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.stdout

    told = json.loads(said("--dry-run", "--price", "3600", "--json"))
    assert told["dollars"] == pytest.approx(told["seconds"])
    assert "device hours; --price DOLLARS" in said("--dry-run")
    assert "dollars at 3,600 an hour" in said("--price", "3600")
    with pytest.raises(GraphlabError, match="4 workers; embed takes every core"):
        said("--workers", "4")


def test_what_was_spent_and_what_it_comes_to() -> None:
    assert cost_so_far(2.0, 900.0, 2700.0) == "0.50 of 2.00 dollars"
    assert cost_so_far(2.0, 900.0, None) == "0.50 dollars"
