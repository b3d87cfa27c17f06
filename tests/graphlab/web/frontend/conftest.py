"""The built page in the system's Chromium, over a server of a made graph, one of hostile names, and the larva."""

from __future__ import annotations

import csv
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab.graph import Graph
from graphlab.store.runs.results import start_run
from graphlab.web.page import INDEX, STATIC

if TYPE_CHECKING:
    from playwright.sync_api import Browser

EVIL = '<img src=x onerror="document.title=1"><script>fetch("https://example.org")</script>'
FLAGS = ["--no-sandbox", "--ignore-gpu-blocklist", "--use-gl=angle", "--use-angle=swiftshader",
         "--enable-unsafe-swiftshader", "--disable-background-networking", "--disable-component-update",
         "--no-first-run", "--disable-sync"]  # fmt: skip


@pytest.fixture(scope="session")
def browser(launch: Callable[..., Browser]) -> Browser:
    """Chromium that draws WebGL by itself; the page has to be built."""
    if not (STATIC / INDEX).is_file():
        if os.environ.get("GRAPHLAB_NEED_CHROMIUM"):
            pytest.fail("the page is not built; make web builds it")
        pytest.skip("the page is not built; make web builds it")
    return launch(*FLAGS)


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checks, which come with the packages that the page is built from."""
    source = STATIC.parent / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
    return source.read_text(encoding="utf-8")


def hostile(folder: Path) -> Graph:
    """Names and types that are HTML and look like addresses."""
    place = folder / "hostile"
    with Graph.create(place, dataset=f"data {EVIL}") as graph:
        rows = {"root_id": np.arange(1, 7, dtype=np.uint64), "name": [EVIL, "a/b?c#d", "x", "y", "z", "%2e"],
                "cell_type": [EVIL, EVIL, "T&T", "a/b", "a b", "'"]}  # fmt: skip
        graph.ingest(pa.table(rows), as_="neurons")
        edges = {"pre_root_id": [1, 2, 3, 4, 1], "post_root_id": [2, 3, 1, 1, 5], "weight": [5.0, 4.0, 3.0, 2.0, 1.0]}
        graph.ingest(pa.table({k: pa.array(v, pa.uint64() if k.endswith("id") else None) for k, v in edges.items()}),
                     as_="connections")  # fmt: skip
    return Graph.open(place, read_only=True)


@pytest.fixture(scope="session")
def larva(tmp_path_factory: pytest.TempPathFactory, real_data: Path) -> Iterator[Graph]:
    """Winding et al. 2023, with its types."""
    place, source = tmp_path_factory.mktemp("larva") / "larva", real_data / "larva_winding2023"
    with (source / "meta_data.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    ids = pa.array([int(row[""]) for row in rows], pa.uint64())
    with Graph.create(place, dataset="Drosophila larva, L1") as graph:
        graph.ingest(source / "G_edgelist.txt", as_="connections", header=False)
        graph.ingest(pa.table({"root_id": ids, "cell_type": [row["simple_group"] for row in rows]}), as_="neurons")
    with Graph.open(place, read_only=True) as graph:
        yield graph


@pytest.fixture(scope="session")
def computed(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    """The made graph with another recipe, a simulation, a signal flow and a recorded map; its sets may be written."""
    copy = shutil.copytree(place, tmp_path_factory.mktemp("computed") / "computed")
    with Graph.open(copy) as graph:
        graph.set_recipe(min_score=0.25)
        graph.circuits.simulate({"cell_type": "A"}, duration_ms=60, trials=2, signs="shiu", unknown_signs="excite")
        graph.circuits.signal_flow()
        ids = np.unique(graph.embeddings.open("toy").root_ids)
        said = {"model": "toy", "method": "umap", "neighbors": 5, "min_distance": 0.1, "seed": 0}
        table = pa.table({"root_id": ids, "x": np.arange(len(ids)) / 2, "y": np.sin(np.arange(len(ids)))})
        start_run(graph.folder, "embedding_map", said, seed=0).finish(table, whole=table)
    with Graph.open(copy, read_only=True, sets=True) as graph:
        yield graph


@pytest.fixture(scope="session")
def site(graph: Graph, computed: Graph, serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a server shows the made graph, the same with results, and the hostile one."""
    with ExitStack() as stack:
        evil = stack.enter_context(hostile(tmp_path_factory.mktemp("hostile")))
        client = stack.enter_context(serve({"made": graph, "computed": computed, "hostile": evil}))
        yield str(client.base_url).rstrip("/")


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Any]]:
    """Opens an address in a window of its own; whatever it asks of others or complains of fails the test."""
    opened = []
    trouble: list[str] = []

    def open_(address: str, scheme: Any = "light", width: int = 1280, refused: bool = False) -> Any:
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 900}, accept_downloads=True
        )
        opened.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        home = address.split("/g/")[0]

        def heard(message: Any) -> None:
            # Chromium itself reports a request that was refused, which is what some tests ask for.
            if message.type in ("error", "warning") and not (refused and "status of 4" in message.text):
                trouble.append(message.text)

        def asked(request: Any) -> None:
            if not request.url.startswith((f"{home}/", "data:", "blob:")):
                trouble.append(request.url)

        page.on("console", heard)
        page.on("request", asked)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.goto(address)
        return page

    yield open_
    for context in opened:
        context.close()
    assert trouble == []
