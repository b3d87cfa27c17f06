"""Pages for those who come from another tool: our half of every task runs on a made graph, theirs where it can."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from graphlab import Graph

FOLDER = Path(__file__).parent.parent / "docs" / "coming-from"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
TYPES = {"ORN": 8, "PN": 6, "LN": 4, "KC": 12, "MBON": 4, "DAN": 2}
AFTER = {
    "ORN": ("PN", "LN"),
    "LN": ("PN", "ORN"),
    "PN": ("KC", "LN", "PN"),
    "KC": ("MBON", "KC"),
    "MBON": ("DAN", "MBON"),
    "DAN": ("KC",),
}
NEUROPIL = {"ORN": "AL", "LN": "AL", "PN": "MB_CA", "KC": "MB_ML", "MBON": "MB_ML", "DAN": "MB_ML"}
TRANSMITTER = {"LN": "GABA", "DAN": "DA"}
BASE = 720575940600000001
SWC = "1 1 0 0 0 0.5 -1\n2 3 10 0 0 0.2 1\n3 3 20 5 0 0.2 2\n4 2 0 40 0 0.2 1\n5 2 0 90 0 0.2 4\n"


def sections(page: Path) -> list[tuple[str, str, str]]:
    """(task, theirs, ours) of a page: a heading, what they do as ``py`` or ``text``, what we do as ``python``."""
    found = []
    for part in re.split(r"^## ", page.read_text(encoding="utf-8"), flags=re.M)[1:]:
        ours = re.findall(r"^```python\n(.*?)^```", part, re.M | re.S)
        theirs = re.findall(r"^```(?:py|text)\n(.*?)^```", part, re.M | re.S)
        if ours:
            assert (len(ours), len(theirs)) == (1, 1), part
            found.append((part.partition("\n")[0], theirs[0], ours[0]))
    return found


def fly(folder: Path) -> Graph:
    """Thirty-six neurons of an olfactory system, every synapse with a place, four of them with a skeleton."""
    rng = np.random.default_rng(7)
    kinds = [kind for kind, n in TYPES.items() for _ in range(n)]
    ids = [BASE + i for i in range(len(kinds))]
    counted = dict.fromkeys(TYPES, 0)
    names = []
    for kind in kinds:
        counted[kind] += 1
        names.append(f"{kind}{counted[kind]}")
    neurons = {
        "root_id": pa.array(ids, pa.uint64()), "name": names, "cell_type": kinds,
        "super_class": ["sensory" if kind == "ORN" else "central" for kind in kinds],
        "side": ["left" if i % 2 == 0 else "right" for i in range(len(kinds))],
        "nt_type": [TRANSMITTER.get(kind, "ACH") for kind in kinds],
    }  # fmt: skip
    pre, post, neuropil = [], [], []
    for i, kind in enumerate(kinds):
        for j, other in enumerate(kinds):
            if i != j and other in AFTER[kind] and rng.random() < 0.6:
                count = int(rng.integers(1, 12))
                pre += [ids[i]] * count
                post += [ids[j]] * count
                neuropil += [NEUROPIL[kind]] * count
    places = rng.integers(1_000, 90_000, (len(pre), 3)).astype(float)
    synapses = {
        "synapse_id": pa.array(range(1, len(pre) + 1), pa.uint64()), "pre_root_id": pa.array(pre, pa.uint64()),
        "post_root_id": pa.array(post, pa.uint64()), "neuropil": neuropil,
        **{f"{axis}_nm": places[:, k] for k, axis in enumerate("xyz")},
    }  # fmt: skip
    (folder / "swc").mkdir()
    for root_id in ids[8:12]:
        (folder / "swc" / f"{root_id}.swc").write_text(SWC)
    graph = Graph.create(folder / "fly", dataset="made olfactory system", materialization="783")
    graph.ingest(pa.table(neurons), as_="neurons")
    graph.ingest(pa.table(synapses), as_="synapses")
    graph.ingest(folder / "swc", as_="skeletons", units="um")
    graph.set_signs("fly")
    return graph


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Graph]:
    with fly(tmp_path_factory.mktemp("coming")) as made:
        yield made


def last_value(code: str, names: dict[str, Any]) -> Any:
    """Runs a block; the value of its last line, which has to be an expression."""
    tree = ast.parse(code)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr), code
    exec(compile(tree, "page", "exec"), names)
    return eval(compile(ast.Expression(last.value), "page", "eval"), names)


def size(value: Any) -> int:
    if isinstance(value, int):
        return value
    if hasattr(value, "number_of_edges"):
        return int(value.number_of_edges())
    return len(value)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_our_half_runs(page: Path, graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tasks = sections(page)
    assert len(tasks) >= 8
    for task, _, ours in tasks:
        answer = last_value(ours, {"graph": graph, "Graph": Graph})
        assert size(answer) > 0, (task, answer)


def test_every_page_is_listed() -> None:
    assert {page.stem for page in PAGES} == {"neuprint", "cave", "codex", "dotmotif", "navis", "connectome-interpreter"}
    index = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert all(f"({page.name})" in index for page in PAGES)


def test_dotmotif_counts_the_same(graph: Graph) -> None:
    """Their half runs, too, in their package, on the same wiring; both find as many."""
    dotmotif = pytest.importorskip("dotmotif")
    host = graph.to_networkx()
    compared = 0
    for task, theirs, ours in sections(FOLDER / "dotmotif.md"):
        if not theirs.splitlines()[-1].startswith("len("):
            continue
        names = {"host": host, "Motif": dotmotif.Motif, "NetworkXExecutor": dotmotif.NetworkXExecutor}
        found = last_value(theirs, names)
        answer = last_value(ours, {"graph": graph})
        assert found == size(answer) > 0, task
        compared += 1
    assert compared >= 6


def test_calls_of_neuprint_python_are_its_own() -> None:
    neuprint = pytest.importorskip("neuprint")
    called = 0
    for _, theirs, _ in sections(FOLDER / "neuprint.md"):
        for node in ast.walk(ast.parse(theirs)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                parameters = inspect.signature(getattr(neuprint, node.func.id)).parameters
                assert {word.arg for word in node.keywords} <= set(parameters), ast.unparse(node)
                called += 1
    assert called >= 10
