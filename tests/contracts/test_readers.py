"""Every reader of ours passes the contract that others are held to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import networkx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import io, sparse

from graphlab.testing import ReaderContract
from ingest.clients.address import parse_address
from ingest.clients.kept_pages import KeptPages
from ingest.clients.windows import Window
from ingest.schema.space import Resolution
from ingest.segclr import csv_zip
from ingest.segclr.readers import EMBEDDING_READERS
from ingest.skeletons.readers import SKELETON_READERS
from ingest.skeletons.swc import parse_swc
from ingest.tables import READERS

EDGES = {"pre_root_id": [1, 2**60 + 1], "post_root_id": [2, 3], "weight": [1.5, 2.0]}


class TestFrame(ReaderContract):
    name = "frame"

    def source(self, folder: Path) -> Any:
        return pd.DataFrame(EDGES)


class TestColumnar(ReaderContract):
    name = "columnar"

    def source(self, folder: Path) -> Path:
        parquet.write_table(pa.table(EDGES), folder / "a.parquet")
        return folder / "a.parquet"


class TestFolder(ReaderContract):
    name = "folder"

    def source(self, folder: Path) -> Path:
        made = folder / "parts"
        for number in (1, 2):
            (made / f"day={number}").mkdir(parents=True, exist_ok=True)
            parquet.write_table(pa.table(EDGES), made / f"day={number}" / "a.parquet")
        return made


class TestLive(ReaderContract):
    name = "live"

    def source(self, folder: Path) -> Any:
        """Pages that an earlier download kept: no server is asked."""
        address = parse_address("neuprint://neuprint.janelia.org/hemibrain:v1.2.1")
        about = {
            "materialization": "v1.2.1",
            "origin": "neuprint://neuprint.janelia.org/hemibrain",
            "dataset": "hemibrain",
        }
        kept = KeptPages(address, "connections", about, total=2, root=folder)
        columns = zip(("bodyId_pre", "bodyId_post", "weight"), EDGES.values(), strict=True)
        kept.add(Window(0, 2**61), pa.table(dict(columns)))
        kept.finish()
        return kept


class TestJson(ReaderContract):
    name = "json"

    def source(self, folder: Path) -> Path:
        pd.DataFrame(EDGES).to_json(folder / "a.json", orient="records")
        return folder / "a.json"


class TestMat(ReaderContract):
    name = "mat"

    def source(self, folder: Path) -> Path:
        io.savemat(folder / "a.mat", {"A": np.array([[0, 2.0, 0], [1, 0, 0], [0, 0, 0]])})
        return folder / "a.mat"


class TestMatrixFile(ReaderContract):
    name = "matrix file"
    options = {"rows": "post", "labels": "numbers"}  # noqa: RUF012

    def source(self, folder: Path) -> Path:
        sparse.save_npz(folder / "a.npz", sparse.csr_array([[0, 2.0], [1, 0]]))
        return folder / "a.npz"


class TestMatrix(ReaderContract):
    name = "matrix"
    options = {"rows": "pre", "labels": [1, 2**60 + 1]}  # noqa: RUF012

    def source(self, folder: Path) -> Any:
        return np.array([[0, 2.0], [1, 0]])


class TestGraph(ReaderContract):
    name = "graph"

    def source(self, folder: Path) -> Any:
        return networkx.DiGraph([(1, 2**60 + 1, {"weight": 2}), ("4", 2, {"weight": 1.5})])


class TestGraphML(ReaderContract):
    name = "graphml"

    def source(self, folder: Path) -> Path:
        networkx.write_graphml(networkx.DiGraph([("AVAL", "AVAR", {"weight": 2})]), folder / "a.graphml")
        return folder / "a.graphml"


class TestSqlite(ReaderContract):
    name = "sqlite"

    def source(self, folder: Path) -> Path:
        with closing(sqlite3.connect(folder / "a.db")) as connection:
            pd.DataFrame(EDGES).to_sql("edges", connection, index=False, if_exists="replace")
        return folder / "a.db"


class TestDelimited(ReaderContract):
    name = "delimited"

    def source(self, folder: Path) -> Path:
        pd.DataFrame(EDGES).to_csv(folder / "a.csv", index=False)
        return folder / "a.csv"


class TestWorkbook(ReaderContract):
    """The source is a real one, Varshney's."""

    name = "workbook"
    columns = {"pre_name": "Neuron 1", "post_name": "Neuron 2", "weight": "Nbr"}  # noqa: RUF012

    @pytest.fixture(autouse=True)
    def _varshney(self, real_data: Path) -> None:
        self.file = real_data / "celegans_varshney2011" / "NeuronConnect.xls"

    def source(self, folder: Path) -> Path:
        return self.file


def embeddings() -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(
        {
            "root_id": pa.array([5, 5], pa.uint64()), "node_id": pa.array([0, 1], pa.uint64()),
            **{f"{axis}_nm": pa.array([1.0, 2.0], pa.float32()) for axis in "xyz"},
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(128, np.float32)), 64),
        }
    )  # fmt: skip


class TestSegclr(ReaderContract):
    name = csv_zip.NAME
    as_ = "embeddings"

    def source(self, folder: Path) -> Path:
        csv_zip.write_shards(folder / "shards", [embeddings()], convention=8, num_shards=1)
        return folder / "shards"


class TestEmbeddingTable(ReaderContract):
    name = "embedding_table"
    as_ = "embeddings"

    def source(self, folder: Path) -> Any:
        return pa.Table.from_batches([embeddings()])


SWC = "# a comment\n1 1 0 0 0 2 -1\n2 2 1 0 0 -1 1\n3 3 1 1 0 1 2\n"


class TestSwc(ReaderContract):
    name = "swc"
    as_ = "skeletons"
    said: ClassVar = {"resolution": Resolution(8, 8, 8)}

    def source(self, folder: Path) -> Path:
        (folder / "5.swc").write_text(SWC)
        return folder / "5.swc"


class TestPrecomputedSkeletons(ReaderContract):
    name = "precomputed"
    as_ = "skeletons"

    def source(self, folder: Path) -> Path:
        place = folder / "skeletons"
        place.mkdir()
        (place / "info").write_text('{"@type": "neuroglancer_skeletons"}')
        points, edges = np.array([[0, 0, 0], [8, 0, 0]], "<f4"), np.array([[0, 1]], "<u4")
        (place / "5").write_bytes(np.array([2, 1], "<u4").tobytes() + points.tobytes() + edges.tobytes())
        return place


class TestSkeletonObjects(ReaderContract):
    name = "skeleton_objects"
    as_ = "skeletons"

    def source(self, folder: Path) -> Any:
        return [parse_swc(SWC.encode(), "5.swc", 8, 5)]


def test_every_reader_is_held_to_it() -> None:
    held = {getattr(kind, "name", "") for kind in ReaderContract.__subclasses__()}
    assert {*READERS.names(), *EMBEDDING_READERS.names(), *SKELETON_READERS.names()} <= held
