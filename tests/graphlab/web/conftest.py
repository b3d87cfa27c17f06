"""A made graph with everything in it, and a server of it on a free port of this machine."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.web.app import create_app
from graphlab.web.safety import names_of
from graphlab.web.server import listening, server_of
from graphlab.web.settings import Settings

BASE, NEURONS, CONTACTS = 720575940603560295, 12, 260
ROIS = ["EB", "SIP(R)", "aL(R)"]
TREE = "1 1 {x} 0 0 1 -1\n2 3 {x} 10 0 0.5 1\n3 3 {x} 20 5 0.5 2\n4 2 {x} 20 -5 0.5 2\n"


def neuron_rows() -> dict[str, Any]:
    number = np.arange(NEURONS)
    return {
        "root_id": (number + BASE).astype(np.uint64),
        "cell_type": [("A", "B", None)[i % 3] for i in number],
        "name": [f"n{i}" for i in number],
        "side": [("left", "right")[i % 2] for i in number],
        "x_nm": number * 10.0,
        "y_nm": number * 20.0,
        "z_nm": number * 30.0,
        "status": ["Traced" if i % 4 else "Orphan" for i in number],
        "cropped": [False] * NEURONS,
        "size": number * 100,
    }


def contact_rows(seed: int = 5) -> dict[str, Any]:
    """Contacts with positions, scores and neuropils; three of four share their release site with another."""
    rng = np.random.default_rng(seed)
    site = np.arange(CONTACTS) // 2 + 1
    pre = rng.integers(0, NEURONS, CONTACTS)[site - 1]
    return {
        "synapse_id": np.arange(1, CONTACTS + 1, dtype=np.uint64),
        "pre_root_id": (pre + BASE).astype(np.uint64),
        "post_root_id": (rng.integers(0, NEURONS, CONTACTS) + BASE).astype(np.uint64),
        "x_nm": rng.integers(0, 10_000, CONTACTS).astype(float),
        "y_nm": rng.integers(0, 10_000, CONTACTS).astype(float),
        "z_nm": rng.integers(0, 10_000, CONTACTS).astype(float),
        "score": rng.random(CONTACTS),
        "neuropil": rng.choice([*ROIS, None], CONTACTS),
        "presynapse_id": site.astype(np.uint64),
    }


def make_graph(folder: Path) -> Path:
    """Neurons, contacts, skeletons, embeddings, a saved set and a recorded census."""
    trees = folder / "swc"
    trees.mkdir()
    for number in range(4):
        (trees / f"{BASE + number}.swc").write_text(TREE.format(x=number))
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((NEURONS * 3, 8)).astype(np.float32)
    nodes = {
        "root_id": np.repeat(np.arange(NEURONS) + BASE, 3).astype(np.uint64),
        "node_id": np.tile(np.arange(3), NEURONS).astype(np.uint64),
        **{f"{axis}_nm": np.zeros(NEURONS * 3, dtype=np.float32) for axis in "xyz"},
        "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), 8),
    }
    place = folder / "made"
    with Graph.create(place, dataset="hemibrain:v1.2") as graph:
        graph.ingest(pa.table(neuron_rows()), as_="neurons")
        graph.ingest(pa.table(contact_rows()), as_="synapses")
        graph.ingest(trees, as_="skeletons", units="nm")
        graph.ingest(pa.table(nodes), as_="embeddings", model="toy", segmentation_version="1")
        graph.sets.save("mine", {"cell_type": "A"})
        graph.motifs.census(3)
    return place


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_graph(tmp_path_factory.mktemp("web"))


@pytest.fixture(scope="session")
def graph(place: Path) -> Iterator[Graph]:
    with Graph.open(place, read_only=True) as opened:
        yield opened


@contextmanager
def serving(graphs: dict[str, Graph], settings: Settings | None = None, **options: Any) -> Iterator[httpx.Client]:
    """A client of a real server, on a free port, in a thread."""
    with listening("127.0.0.1", 0) as bound:
        port = bound.getsockname()[1]
        app = create_app(graphs, settings, hosts=names_of("127.0.0.1", port), **options)
        server = server_of(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.01)
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                client.app = app  # type: ignore[attr-defined]
                yield client
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


@pytest.fixture(scope="session")
def client(graph: Graph) -> Iterator[httpx.Client]:
    with serving({"made": graph}) as opened:
        yield opened


@pytest.fixture(scope="session")
def serve() -> Any:
    return serving
