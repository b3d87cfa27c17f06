"""What a notebook shows of graphs and results: every number there, every text escaped."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa

from graphlab import Graph
from ingest.synthetic import connectome

EVIL = '<script>alert("x")</script>'


class Cells(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


PLAIN = {"table", "thead", "tbody", "tr", "th", "td", "p"}


def test_notebooks_see_tables(tmp_path: Path) -> None:
    made = connectome.make(tmp_path / "made", neurons=60, synapses=3000, frames=10)
    text = made.neurons.read_text(encoding="utf-8")
    made.neurons.write_text(text.replace("intrinsic-1", EVIL.replace('"', '""')), encoding="utf-8")
    with Graph.create(tmp_path / "g", EVIL, connectome.RESOLUTION.xyz) as graph:
        graph.ingest(made.neurons, as_="neurons")
        graph.ingest(made.synapses, as_="synapses", columns="cave")
        graph.ingest(made.embeddings, as_="embeddings", model="m", segmentation_version="1")
        whole = Cells(graph._repr_html_())
        assert EVIL in whole.texts
        assert f"{graph.info().counts['chemical']:,}" in whole.texts
        census = graph.motifs.census(3)
        counts = Cells(census._repr_html_())
        assert {f"{count:,}" for count in census.counts.values()} <= set(counts.texts)
        tetrads = Cells(graph.motifs.census(4)._repr_html_())
        found = graph.motifs.significance(3, null="configuration", samples=20, seed=1)
        tested = Cells(found._repr_html_())
        assert {name for k, name in enumerate(found.classes) if found.tested[k]} <= set(tested.texts)
        assert found.sentence in tested.texts
        assert set(found.caveats) <= set(tested.texts)
        vectors = graph.embeddings.open("m")
        embeddings = Cells(vectors._repr_html_())
        assert f"{len(vectors.root_ids):,}" in embeddings.texts
        assert "neurons" in repr(vectors)
        rows = Cells(graph.neurons()._repr_html_())
        flow = Cells(graph.circuits.signal_flow()._repr_html_())
    for shown in (whole, counts, tetrads, tested, embeddings, rows, flow):
        assert shown.tags <= PLAIN


def test_an_empty_graph_is_shown(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        graph.ingest(pa.table({"pre_root_id": [1], "post_root_id": [2], "weight": [1.0]}), as_="connections")
        assert Cells(graph._repr_html_()).tags <= PLAIN
