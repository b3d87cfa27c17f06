"""``graphlab mine`` and ``graphlab instances``: rows, links, one error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from graphlab import Graph
from ingest.synthetic import connectome


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mining")
    sources = connectome.make(folder / "sources", neurons=200, seed=5)
    with Graph.create(folder / "g", resolution=connectome.RESOLUTION.xyz) as graph:
        graph.ingest(sources.neurons, as_="neurons")
        graph.ingest(sources.synapses, as_="synapses", columns="cave")
    return folder / "g"


def test_mine(graphlab: Callable[..., Any], made: Path, tmp_path: Path) -> None:
    done = graphlab("mine", made, "--samples", "9", "--min-weight", "8", "--top", "7", "--json")
    found = json.loads(done.stdout)
    assert 0 < len(found["motifs"]) <= 7
    assert f"{found['tried']:,} typed motifs tried" in found["notes"][0]
    assert {"pattern", "motif", "count", "null_mean", "ratio", "surprise", "p", "q"} <= set(found["motifs"][0])
    halves = json.loads(graphlab("mine", made, "--samples", "9", "--split", "random", "--top", "3", "--json").stdout)
    assert "tested on the other" in halves["notes"][0]
    done = graphlab("mine", made, "--samples", "9", "--min-weight", "8", "-o", tmp_path / "typed.parquet")
    assert "rows in" in done.stdout


def test_instances_with_links(graphlab: Callable[..., Any], made: Path) -> None:
    found = json.loads(graphlab("instances", made, "030T", "--limit", "3", "--links", "--json").stdout)
    assert found["found"] > 3 == len(found["instances"])
    row = found["instances"][0]
    assert row["neuron_0"].isdigit()
    state = json.loads(unquote(row["neuroglancer"].partition("#!")[2]))
    assert state["dimensions"]["z"] == [pytest.approx(4e-8), "m"]
    assert [layer["type"] for layer in state["layers"]] == ["annotation"]
    given = ("--links", "--segmentation", "precomputed://https://example.org/s", "--json", "--limit", "1")
    row = json.loads(graphlab("instances", made, "204", "--size", "4", "--min-weight", "10", *given).stdout)[
        "instances"
    ][0]
    state = json.loads(unquote(row["neuroglancer"].partition("#!")[2]))
    assert state["layers"][0]["segments"] == [row[f"neuron_{k}"] for k in range(4)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["mine", "--size", "9"], "3 or 4 neurons"),
        (["mine", "--by", "celltype"], "did you mean 'cell_type'"),
        (["instances", "030Z"], "did you mean '030"),
        (["instances", "bifan", "--size", "4"], "204 for the bi-fan"),
        (["instances", "030T", "--segmentation", "precomputed://x"], "give --links"),
        (["instances", "030T", "--types", "A,B"], "2 types for 3 neurons"),
    ],
)
def test_one_error(refusal: Callable[..., str], made: Path, arguments: list[str], words: str) -> None:
    assert words in refusal(arguments[0], made, *arguments[1:])
