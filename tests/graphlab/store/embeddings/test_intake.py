"""Embeddings into the graph: named once, swept when nobody names them, refused when they contradict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from ingest.schema.errors import SchemaError, VersionError
from ingest.schema.words import ID
from ingest.segclr.csv_zip import embeddings_schema, write_shards
from ingest.segclr.sharding import Convention

SAID: dict[str, Any] = {"as_": "embeddings", "model": "m", "segmentation_version": "343"}


def release(folder: Path, ids: list[int], seed: int = 0, width: int = 64) -> Path:
    rng = np.random.default_rng(seed)
    columns = [pa.array(ids, ID), pa.array(range(len(ids)), ID)]
    columns += [pa.array(rng.random(len(ids)).astype(np.float32)) for _ in range(3)]
    vectors = pa.array(rng.normal(size=len(ids) * width).astype(np.float32))
    columns.append(pa.FixedSizeListArray.from_arrays(vectors, width))
    batch = pa.RecordBatch.from_arrays(columns, schema=embeddings_schema(width))
    write_shards(folder, [batch], convention=Convention("test", 64, 2))
    return folder


def files(graph: Graph) -> set[str]:
    return {item.relative_to(graph.path).as_posix() for item in (graph.path / "embeddings").rglob("*")}


def test_a_model_may_come_in_several_sources(graph: Graph, tmp_path: Path) -> None:
    graph.ingest(release(tmp_path / "a", [1, 2]), **SAID)
    assert graph.ingest(tmp_path / "a", **SAID).already_there
    graph.ingest(release(tmp_path / "b", [3], 1), **SAID)
    assert graph.embeddings.open().root_ids.tolist() == [1, 2, 3]
    (info,) = graph.info().embeddings
    assert (info["nodes"], info["neurons"], info["width"], info["segmentation_version"]) == (3, 3, 64, "343")
    before = files(graph)
    with pytest.raises(SchemaError, match=r"1 neurons have embeddings of model 'm' already, 2 for example"):
        graph.ingest(release(tmp_path / "c", [2, 9], 2), **SAID)
    with pytest.raises(VersionError, match="here for segmentation version 343, this source is of 943"):
        graph.ingest(release(tmp_path / "d", [9], 3), **{**SAID, "segmentation_version": "943"})
    with pytest.raises(SchemaError, match="vectors of 64 numbers, this source of 128"):
        graph.ingest(release(tmp_path / "e", [9], 4, 128), **SAID)
    assert files(graph) == before, "what failed left no file behind"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "m"}, "need their segmentation version"),
        ({"segmentation_version": "1"}, "need their model"),
        ({"model": "../m", "segmentation_version": "1"}, "it names a folder"),
        ({"model": ".m", "segmentation_version": "1"}, "it names a folder"),
    ],
)
def test_what_must_be_said(graph: Graph, tmp_path: Path, options: dict[str, str], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        graph.ingest(release(tmp_path / "a", [1]), as_="embeddings", **options)
    assert not files(graph) if (graph.path / "embeddings").exists() else True


def test_what_a_killed_ingest_left_is_swept_away(graph: Graph, tmp_path: Path) -> None:
    graph.ingest(release(tmp_path / "a", [1, 2]), **SAID)
    kept = files(graph)
    orphan = graph.path / "embeddings" / "dead"
    (orphan / ".writing-abc").mkdir(parents=True)
    (orphan / ".writing-abc" / "0.run").write_bytes(b"half")
    (orphan / "0123.arrow").write_bytes(b"whole, but nobody names it")
    (orphan / "0123.ids.arrow").write_bytes(b"")
    graph.ingest(release(tmp_path / "b", [3], 1), **SAID)
    assert not orphan.exists()
    assert kept < files(graph)
    assert len(files(graph)) == len(kept) + 2, "rows and id index of the second source"


def test_a_failure_in_the_middle_of_a_release(graph: Graph, tmp_path: Path) -> None:
    folder = release(tmp_path / "a", list(range(1, 40)))
    last = sorted(folder.glob("*.zip"))[-1]
    data = bytearray(last.read_bytes())
    data[len(data) // 3] ^= 0xFF
    last.write_bytes(bytes(data))
    with pytest.raises(OSError, match=last.name):
        graph.ingest(folder, **SAID)
    assert graph.info().embeddings == []
    assert not (graph.path / "embeddings").exists() or not files(graph)
