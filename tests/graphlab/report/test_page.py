"""Pages as files: self-contained, escaped, with every table beside them; nothing half-written."""

from __future__ import annotations

import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pyarrow import parquet

from graphlab import Graph
from graphlab.report import SECTIONS, page
from ingest.schema.errors import StoreError

PAGES = ("whole.html", "motifs.html")
LOADING = {"src", "srcset", "data", "poster", "background", "action", "formaction", "manifest", "ping"}


class Reader(HTMLParser):
    """Every tag, every address a browser would load, every title."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.links: list[str] = []
        self.titles: list[str] = []
        self.heading = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.heading = tag == "h2"
        for name, value in attrs:
            if name in LOADING or (name in ("href", "xlink:href") and tag != "a"):
                self.loads.append(f"{tag} {name}={value}")
            elif name == "href" and value is not None:
                self.links.append(value)
            elif name.startswith("on"):
                self.loads.append(f"{tag} {name}")

    def handle_data(self, data: str) -> None:
        if self.heading and data.strip():
            self.titles.append(data.strip())
            self.heading = False


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


@pytest.mark.parametrize("name", PAGES)
def test_a_page_loads_nothing_and_runs_nothing(pages: Path, name: str) -> None:
    text = (pages / name).read_text(encoding="utf-8")
    reader = read(pages / name)
    assert reader.loads == []
    assert not {"script", "iframe", "object", "embed", "link", "base", "form", "img"} & set(reader.tags)
    style = "".join(re.findall(r"<style>(.*?)</style>", text, re.DOTALL))
    assert "url(" not in style
    assert "@import" not in style
    assert "&lt;script&gt;" in text
    beside = f"{Path(name).stem}_files/"
    assert all((pages / link).is_file() for link in reader.links if link.startswith(beside))
    away = [link for link in reader.links if not link.startswith(("#", beside))]
    assert all(link.startswith("https://neuroglancer-demo.appspot.com/#!%7B") for link in away)
    assert bool(away) == (name == "motifs.html")


def test_what_stands_on_each_page(pages: Path) -> None:
    assert read(pages / "whole.html").titles == [
        "Overview", "Connectivity", "Triads", "Motifs against a null model", "Typed motifs", "Cell types in the wiring",
        "Strongest connections", "Cell types", "Methods",
    ]  # fmt: skip
    assert read(pages / "motifs.html").titles == [
        "Overview", "Motifs against a null model", "Profiles", "Strongest instances", "Typed motifs",
        "Cell types in the wiring", "Methods",
    ]  # fmt: skip
    assert len(SECTIONS.names()) == 17


@pytest.mark.parametrize("name", PAGES)
def test_every_table_lies_beside_the_page_three_times_alike(pages: Path, name: str) -> None:
    folder = pages / f"{Path(name).stem}_files"
    stems = {file.stem for file in folder.glob("*.parquet")}
    assert {"motifs_3_reciprocal", "typed_motifs", "types_connections", "types_triads"} <= stems
    assert ("motifs_4_reciprocal" in stems) == (name == "whole.html")
    assert ("profiles_3" in stems) == (name == "motifs.html")
    text = (pages / name).read_text(encoding="utf-8")
    for stem in stems:
        assert f"{folder.name}/{stem}" in text
        table = parquet.read_table(folder / f"{stem}.parquet")
        with (folder / f"{stem}.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        document = json.loads((folder / f"{stem}.json").read_text(encoding="utf-8"))
        assert len(rows) == len(document) == table.num_rows > 0
        for column in table.schema.names:
            if column.startswith("neuron_") or column.endswith("root_id"):
                ids = [str(value) for value in table[column].to_pylist()]
                assert [row[column] for row in rows] == [row[column] for row in document] == ids
    assert "random graphs (seed 1)" in (folder / "methods.txt").read_text(encoding="utf-8")


def test_significance_in_words_and_numbers(pages: Path) -> None:
    text = (pages / "whole.html").read_text(encoding="utf-8")
    assert "not corrected for triads" in text
    assert "519 are needed" in text
    assert "The 30 classes furthest from the null of 199." in text
    assert "graphlab rerun" in text
    rows = {
        row["motif"]: row for row in parquet.read_table(pages / "motifs_files/motifs_3_reciprocal.parquet").to_pylist()
    }
    assert len(rows) == 16
    assert f"{rows['030T']['count']:,}" in text


def test_the_same_graph_gives_the_same_page(pages: Path, tmp_path: Path) -> None:
    with Graph.open(pages / "graph") as graph:
        first = graph.report(tmp_path / "a" / "page.html").read_text(encoding="utf-8")
        again = graph.report(tmp_path / "a" / "page.html").read_text(encoding="utf-8")
    assert first == again
    assert sorted(item.name for item in (tmp_path / "a").iterdir()) == ["page.html", "page_files"]


def test_a_folder_of_somebody_else_is_left_alone(pages: Path, tmp_path: Path) -> None:
    mine = tmp_path / "page_files" / "thesis.txt"
    mine.parent.mkdir()
    mine.write_text("mine")
    with Graph.open(pages / "graph") as graph, pytest.raises(StoreError, match="was not made by a report"):
        graph.report(tmp_path / "page.html")
    assert mine.read_text() == "mine"
    assert [item.name for item in tmp_path.iterdir()] == ["page_files"]


@pytest.mark.parametrize(
    ("name", "safe"), [("a b/../c", "a_b_c"), ("<script>", "script"), ("../", "table"), ("030T", "030T")]
)
def test_names_become_file_names(name: str, safe: str) -> None:
    assert page.file_name(name) == safe


def test_an_empty_graph_has_a_page(tmp_path: Path) -> None:
    with Graph.create(tmp_path / "g") as graph:
        path = graph.report(tmp_path / "empty.html")
    assert read(path).titles == ["Overview", "Methods"]
