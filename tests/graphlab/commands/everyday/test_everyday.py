"""Everyday verbs as people type them: what they print is what the verbs in Python answer."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.commands.everyday.who import who_of
from graphlab.exchange.table_files import rows_of
from ingest.schema.errors import GraphlabError

BASE = 720575940600000000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(2)
    ids = BASE + np.arange(30)
    neurons = pd.DataFrame(
        {
            "root_id": ids, "name": [f"n{i}" for i in range(30)], "cell_type": rng.choice(["A", "B,b", "C"], 30),
            "side": rng.choice(["left", "right"], 30), **{f"{a}_nm": rng.uniform(0, 1e4, 30) for a in "xyz"},
        }
    )  # fmt: skip
    synapses = pd.DataFrame(
        {
            "pre_root_id": rng.choice(ids, 400), "post_root_id": rng.choice(ids, 400),
            "neuropil": rng.choice(["ME", "LO"], 400), **{f"{a}_nm": rng.uniform(0, 1e4, 400) for a in "xyz"},
        }
    )  # fmt: skip
    place = tmp_path_factory.mktemp("everyday") / "fly"
    with Graph.create(place, dataset="FlyWire", materialization="783") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(synapses, as_="synapses")
        graph.sets.save("mine", ["n1", "n2"])
    return place


VERBS: dict[str, Any] = {
    "neurons": (["neurons", "cell_type=A;side=left"], lambda g: g.neurons(cell_type="A", side="left")),
    "search": (["neurons", "--search", "n1 left"], lambda g: g.neurons(search="n1 left")),
    "connections": (
        ["connections", "--pre", "n1,n2", "--post", "cell_type=A,C", "--fractions"],
        lambda g: g.connections(["n1", "n2"], {"cell_type": ["A", "C"]}, fractions=True),
    ),
    "adjacency": (["adjacency", "--by", "cell_type,side"], lambda g: g.adjacency(["cell_type", "side"])),
    "matrix": (
        ["adjacency", "--pivot", "--within", "side=left"],
        lambda g: g.subset({"side": "left"}).adjacency("cell_type", pivot=True),
    ),
    "partners": (
        ["partners", "B,b", "--direction", "in", "--sides"],
        lambda g: g.partners("B,b", direction="in", sides=True),
    ),
    "synapses": (["synapses", "mine", "--neuropil", "ME"], lambda g: g.synapses.of("mine", neuropil="ME")),
    "between": (["synapses", "--pre", "A", "--post", "C"], lambda g: g.synapses.between("A", "C")),
    "mean": (["synapses", "A", "--mean"], lambda g: g.synapses.mean("A")),
    "paths": (
        ["paths", "n3", "cell_type=~[AC]", "-k", "2"],
        lambda g: g.paths("n3", {"cell_type": re.compile("[AC]")}, k=2),
    ),
    "neighbors": (["neighbors", str(BASE), "--hops", "2"], lambda g: g.neighborhood(BASE, 2)),
    "at": (["at", "1000,2000,3000", "-k", "3"], lambda g: g.places.at([1000, 2000, 3000], k=3)),
    "profile": (["profile", "--by", "cell_type"], lambda g: g.places.neuropils(by="cell_type")),
    "sets": (["sets", "list"], lambda g: g.sets.list()),
    "check": (["sets", "check", f"{BASE}, 77"], lambda g: g.sets.check(f"{BASE}, 77")),
}


@pytest.mark.parametrize("name", VERBS)
def test_what_is_printed_is_what_python_answers(name: str, folder: Path, document: Any, graphlab: Any) -> None:
    words, ask = VERBS[name]
    at = 2 if words[0] == "sets" else 1
    words = [*words[:at], str(folder), *words[at:]]
    with Graph.open(folder, read_only=True) as graph:
        wanted = ask(graph)
    assert document(*words) == json.loads(json.dumps(rows_of(wanted.to_arrow())))
    done = graphlab(*words)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "".join(f"note: {note}\n" for note in wanted.notes)
    if len(wanted) > 20:
        assert f"... {len(wanted) - 20:,} more rows" in done.stdout
        assert "more rows" not in graphlab(*words, "--rows", "0").stdout


def test_subset_and_compare(folder: Path, document: Any, graphlab: Any, tmp_path: Path) -> None:
    with Graph.open(folder) as graph:
        part = graph.subset({"side": "left"}, min_weight=2)
        info, census = part.info(), part.motifs.census(3).to_arrow()
    told = document("subset", folder, "side=left", "--min-weight", "2", "--census", "3")
    assert told["counts"] == info.counts
    assert told["motifs"] == json.loads(json.dumps(rows_of(census)))
    assert "a subset of" in graphlab("subset", folder, "side=left", "--neuropil", "ME").stdout
    written = graphlab("subset", folder, "side=left", "--min-weight", "2", "-o", tmp_path / "part.csv").stdout
    assert f"{info.counts['connections']:,} connections in" in written
    other = tmp_path / "other"
    with Graph.create(other) as made:
        rows = pd.DataFrame({"pre_name": ["n1", "n2"], "post_name": ["n2", "n5"], "weight": [50, 60]})
        made.ingest(rows, as_="connections")
    found = document("compare", folder, other)
    heaviest = {(row["name_pre"], row["name_post"]): row["weight_other"] for row in found[:2]}
    assert heaviest == {("n1", "n2"): 50, ("n2", "n5"): 60}


def test_sets_come_and_go(folder: Path, graphlab: Any, document: Any, refusal: Any, tmp_path: Path) -> None:
    assert graphlab("sets", "save", folder, "left_side", "side=left").stdout.startswith("left_side: ")
    assert "exists already" in refusal("sets", "save", folder, "left_side", "A")
    address = graphlab("link", folder, "left_side").stdout
    assert address.count("\n") == 1
    assert graphlab("sets", "from-link", folder, "again", address.strip()).returncode == 0
    names = {row["name"]: row["neurons"] for row in document("sets", "list", folder)}
    assert names["again"] == names["left_side"]
    earlier = tmp_path / "earlier.csv"
    earlier.write_text(f"root_id,successor_id\n77,{BASE + 1}\n88,\n")
    rows = document("sets", "check", folder, "77 88 99", "--earlier", earlier)
    assert [(r["status"], r["successors"]) for r in rows] == [
        ("stale", [str(BASE + 1)]),
        ("stale", []),
        ("unknown", []),
    ]
    query = "MATCH (n) WHERE n.bodyId IN $left_side RETURN n.bodyId"
    assert graphlab("query", folder, query, "--count").stdout == f"{names['left_side']}\n"
    for name in ("again", "left_side"):
        assert graphlab("sets", "remove", folder, name).returncode == 0
    assert "did you mean 'mine'" in refusal("neurons", folder, "in_set=mien")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A", "A"), ("n1, n2", ["n1", "n2"]), ("B,b", "B,b"), ("cell_type=A", {"cell_type": "A"}),
        ("cell_type=A,B;side=left", {"cell_type": ["A", "B"], "side": "left"}),
        ("cell_type=A,side=left", {"cell_type": "A", "side": "left"}), ("min_in=5", {"min_in": 5.0}),
        ('{"side": null}', {"side": None}), ("[1, 2]", [1, 2]),
    ],
)  # fmt: skip
def test_neurons_as_people_type_them(folder: Path, text: str, wanted: Any) -> None:
    with Graph.open(folder, read_only=True) as graph:
        assert who_of(graph, text) == wanted


def test_neurons_in_a_file_and_mistakes(folder: Path, tmp_path: Path, refusal: Any) -> None:
    (tmp_path / "who.txt").write_text("n1\n\n n2 \n")
    with Graph.open(folder, read_only=True) as graph:
        assert who_of(graph, f"@{tmp_path / 'who.txt'}") == ["n1", "n2"]
        for text, message in (
            ("{x", "no JSON"), ("cell_type=", "wanted COLUMN=VALUE"), ("a=1;a=2", "said twice"),
            (f"@{tmp_path / 'no.txt'}", "does not exist"), ("min_in=x", "wanted a number"),
        ):  # fmt: skip
            with pytest.raises(GraphlabError, match=message):
                who_of(graph, text)
    assert "say one of the two" in refusal("synapses", folder)
    assert "'n1'" in refusal("paths", folder, "m1", "n2")


@pytest.mark.parametrize("ending", ["feather", "tsv", "xlsx"])
def test_formats(folder: Path, graphlab: Any, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"rows.{ending}"
    assert graphlab("connections", folder, "--pre", "n1", "-o", target).returncode == 0
    with Graph.open(folder, read_only=True) as graph:
        wanted = graph.connections("n1").to_pandas()
    if ending == "xlsx":
        import python_calamine

        sheet = python_calamine.CalamineWorkbook.from_path(str(target)).get_sheet_by_index(0).to_python()
        assert sheet[0] == list(wanted)
        assert [row[0] for row in sheet[1:]] == [str(i) for i in wanted["pre_root_id"]], "ids are text"
        assert [row[2] for row in sheet[1:]] == wanted["weight"].tolist()
        return
    found = pd.read_csv(target, sep="\t") if ending == "tsv" else pd.read_feather(target)
    for name in ("pre_root_id", "post_root_id", "weight", "name_post", "cell_type_post"):
        assert found[name].tolist() == wanted[name].tolist()
