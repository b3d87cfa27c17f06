"""Two graphs beside each other, against pandas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab import Graph
from ingest.schema.errors import GraphlabError, SchemaError, VersionError

NAMES = ["AVAL", "AVAR", "PVCL", "DVA", None]
WIRING = st.dictionaries(st.tuples(st.integers(1, 6), st.integers(1, 6)), st.integers(1, 4), min_size=1, max_size=14)
CALLED = st.lists(st.sampled_from(NAMES), min_size=6, max_size=6)


def make(path: Path, names: list[Any], wiring: dict[tuple[int, int], int], **about: Any) -> Graph:
    graph = Graph.create(path, **about)
    graph.ingest(pd.DataFrame({"root_id": range(1, 7), "name": names}), as_="neurons")
    rows = [(a, b, float(w)) for (a, b), w in wiring.items()]
    graph.ingest(pd.DataFrame(rows, columns=["pre_root_id", "post_root_id", "weight"]), as_="connections")
    return graph


def wanted(ours: Any, theirs: Any, least: float) -> dict[tuple[str, str], tuple[Any, ...]]:
    sums, labels = [], []
    for names, wiring in (ours, theirs):
        total: dict[tuple[str, str], float] = {}
        for (a, b), w in wiring.items():
            pre, post = names[a - 1], names[b - 1]
            if w >= least and pre and post:
                total[pre, post] = total.get((pre, post), 0.0) + w
        sums.append(total)
        labels.append({name for name in names if name})
    found = {}
    for key in {*sums[0], *sums[1]}:
        a, b = sums[0].get(key), sums[1].get(key)
        if b is None:
            change = "lost" if set(key) <= labels[1] else "only here"
        elif a is None:
            change = "gained" if set(key) <= labels[0] else "only there"
        else:
            change = "unchanged" if a == b else "changed"
        found[key] = (a, b, (b or 0) - (a or 0), change)
    return found


@settings(max_examples=5, deadline=None)
@given(CALLED, WIRING, CALLED, WIRING, st.sampled_from([0, 2]))
def test_against_pandas(
    tmp_path_factory: Any, names: Any, wiring: Any, other_names: Any, other: Any, least: int
) -> None:
    folder = tmp_path_factory.mktemp("compare")
    ours, theirs = make(folder / "a", names, wiring), make(folder / "b", other_names, other)
    with ours, theirs:
        found = ours.compare(theirs, min_weight=least, unchanged=True)
        table = found.to_arrow().to_pylist()
        rows = {(r["name_pre"], r["name_post"]): (r["weight"], r["weight_other"], r["difference"], r["change"])
                for r in table}  # fmt: skip
        assert rows == wanted((names, wiring), (other_names, other), least)
        sizes = [abs(r["difference"]) for r in table]
        assert sizes == sorted(sizes, reverse=True)
        fewer = ours.compare(theirs, min_weight=least)
        assert fewer.notes == found.notes
        assert fewer.to_arrow().to_pylist() == [r for r in table if r["change"] != "unchanged"]


def test_what_is_not_compared_is_told(tmp_path: Path) -> None:
    ours = make(tmp_path / "a", ["A", "A", "B", None, "C", "D"], {(1, 3): 2, (2, 3): 1, (4, 3): 7, (5, 3): 1})
    theirs = make(tmp_path / "b", ["A", "B", "E", "F", None, None], {(1, 2): 3, (1, 3): 4, (2, 1): 5})
    with ours, theirs:
        found = ours.compare(theirs)
        assert found.notes == (
            "1 gained, 1 unchanged, 1 only here, 1 only there",
            "here, 1 values of name are shared by several neurons, which are summed",
            "here, 1 connections of 1 neurons without name are not compared",
        )
        part = ours.compare(theirs.subset(["A", "B"]))
        assert part.notes[0] == "1 gained, 1 unchanged, 1 only here"


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"by": "root_id"}, VersionError, "materialization 1 and 2"),
        ({"by": "nme"}, GraphlabError, "did you mean 'name'"),
        ({"other": "b"}, SchemaError, "found str"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, words: dict[str, Any], error: type[Exception], message: str) -> None:
    ours = make(tmp_path / "a", [*NAMES, "x"], {(1, 2): 1}, materialization="1")
    theirs = make(tmp_path / "b", [*NAMES, "x"], {(1, 2): 1}, materialization="2")
    with ours, theirs, pytest.raises(error, match=message):
        ours.compare(**{"other": theirs, **words})


def test_by_root_id_within_one_materialization(tmp_path: Path) -> None:
    ours = make(tmp_path / "a", [*NAMES, "x"], {(1, 2): 1}, materialization="1")
    theirs = make(tmp_path / "b", [*NAMES, "x"], {(1, 2): 4}, materialization="1")
    with ours, theirs:
        assert ours.compare(theirs, by="root_id").to_arrow().to_pylist()[0]["difference"] == 3
