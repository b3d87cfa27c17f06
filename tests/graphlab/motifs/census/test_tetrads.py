"""All 199 tetrad classes against igraph's enumeration: random, extreme and real graphs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from math import comb
from pathlib import Path

import igraph
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from graphlab.motifs.census.classes import classes, igraph_isoclasses
from graphlab.motifs.census.tetrads import TETRADS, tetrad_counts, tetrad_counts_csr
from ingest.schema.errors import AnalysisError
from queries.snapshot import Snapshot

Made = Callable[[int, float, float, int], Snapshot]


def graph_of(there: np.ndarray) -> Snapshot:
    np.fill_diagonal(there, False)
    source, target = np.nonzero(there)
    return Snapshot.from_edges(np.arange(1, len(there) + 1, dtype=np.uint64), source, target)


def by_igraph(graph: Snapshot) -> list[int]:
    peer = igraph.Graph(graph.n, np.column_stack([graph.sources(), graph.out_target]).tolist(), directed=True)
    found = peer.motifs_randesu(4)
    return [int(found[number]) for number in igraph_isoclasses(4)]


@settings(deadline=None, max_examples=150)
@given(
    n=st.integers(4, 20),
    density=st.sampled_from([0.0, 0.03, 0.1, 0.3, 0.6, 0.95, 1.0]),
    mutual=st.sampled_from([0.0, 0.4, 1.0]),
    seed=st.integers(0, 2**32),
)
def test_equals_igraph(random_graph: Made, n: int, density: float, mutual: float, seed: int) -> None:
    one = random_graph(n, density, mutual, seed)
    assert tetrad_counts(one).tolist() == by_igraph(one)


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_neurons_have_no_tetrads(random_graph: Made, n: int) -> None:
    assert tetrad_counts(random_graph(n, 1.0, 1.0, 0)).tolist() == [0] * 199


def test_extreme_graphs(random_graph: Made) -> None:
    complete = tetrad_counts(random_graph(30, 1.0, 1.0, 0))
    assert int(complete.sum()) == complete[-1] == comb(30, 4)
    empty = random_graph(30, 0.0, 0.0, 0)
    assert not tetrad_counts(empty).any()
    ring = np.zeros((40, 40), dtype=bool)
    ring[np.arange(40), (np.arange(40) + 1) % 40] = True
    assert tetrad_counts(graph_of(ring)).sum() == 40
    bipartite = np.zeros((12, 12), dtype=bool)
    bipartite[:6, 6:] = True
    found = dict(zip(TETRADS, tetrad_counts(graph_of(bipartite)).tolist(), strict=True))
    assert {name: count for name, count in found.items() if count} == {
        "14": 6 * comb(6, 3),
        "204": comb(6, 2) ** 2,
        "2184": 6 * comb(6, 3),
    }


def test_every_class_counts_itself_once() -> None:
    for place, one in enumerate(classes(4)):
        pairs = np.array(one.edges)
        found = tetrad_counts(Snapshot.from_edges(np.arange(1, 5, dtype=np.uint64), pairs[:, 0], pairs[:, 1]))
        assert found.tolist() == [int(k == place) for k in range(199)]


def test_hubs_and_several_threads_change_nothing() -> None:
    rng = np.random.default_rng(3)
    pull = rng.pareto(1.2, 300) + 0.01
    pairs = np.unique(rng.choice(300, (2_500, 2), p=pull / pull.sum()), axis=0)
    one = Snapshot.from_edges(np.arange(1, 301, dtype=np.uint64), pairs[:, 0], pairs[:, 1])
    steps: list[tuple[int, int]] = []
    found = tetrad_counts(one, progress=lambda done, total: steps.append((done, total)))
    assert found.tolist() == by_igraph(one)
    assert steps == [(k + 1, len(steps)) for k in range(len(steps))]
    for workers in (2, 5):
        assert tetrad_counts(one, workers=workers).tobytes() == found.tobytes()


def test_arrays_of_any_integer_width_do(random_graph: Made) -> None:
    one = random_graph(20, 0.3, 0.3, 5)
    arrays = (one.out_start, one.out_target, one.in_start, one.in_source)
    assert tetrad_counts_csr(*[a.astype(np.int64) for a in arrays]).tolist() == tetrad_counts(one).tolist()


def test_counts_far_past_32_bits_stay_exact() -> None:
    n = 1_000_001
    star = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), np.zeros(n - 1, np.int64), np.arange(1, n))
    found = dict(zip(TETRADS, tetrad_counts(star).tolist(), strict=True))
    assert {name: count for name, count in found.items() if count} == {"14": comb(n - 1, 3)}


def test_counts_past_64_bits_are_refused() -> None:
    n = 2_000_001
    star = Snapshot.from_edges(np.arange(1, n + 1, dtype=np.uint64), np.zeros(n - 1, np.int64), np.arange(1, n))
    with pytest.raises(AnalysisError, match=r"1\.3e\+18 connected tetrads would not fit 64-bit counts"):
        tetrad_counts(star)


def named_graph(pre: Iterable[object], post: Iterable[object]) -> Snapshot:
    frame = pd.DataFrame({"pre": list(pre), "post": list(post)}).astype(str).drop_duplicates()
    numbers, names = pd.factorize(pd.concat([frame["pre"], frame["post"]]))
    ids = np.arange(1, len(names) + 1, dtype=np.uint64)
    return Snapshot.from_edges(ids, numbers[: len(frame)], numbers[len(frame) :])


def from_matrix(values: np.ndarray) -> Snapshot:
    return named_graph(*np.nonzero(values))


def real_graphs(folder: Path) -> dict[str, Snapshot]:
    """Every shared connectome that igraph finishes within seconds, autapses dropped."""
    found = {}
    worm = loadmat(folder / "celegans_varshney2011" / "ConnOrdered_040903.mat")["A_init_t_ordered"].tocoo()
    found["varshney"] = named_graph(worm.row, worm.col)
    for sex in ("herm", "male"):
        table = pd.read_csv(folder / "celegans_cook2019" / f"{sex}_chem_adj.csv", index_col=0).stack()
        pairs = table[table > 0].index
        found[f"cook {sex}"] = named_graph((a for a, _ in pairs), (b for _, b in pairs))
    stages = pd.read_csv(folder / "celegans_witvliet2021" / "synapse_list.csv", usecols=["dataset", "pre", "post"])
    for stage, rows in stages.groupby("dataset"):
        found[f"witvliet {stage}"] = named_graph(rows["pre"], rows["post"])
    rows = pd.read_csv(folder / "microns_l23_v185" / "soma_subgraph_synapses_spines_v185.csv")
    found["microns"] = named_graph(rows["pre_root_id"], rows["post_root_id"])
    name = "ConnMatrix_CO_top500_2blocks_gamma038_08062020"
    matrix = loadmat(folder / "zebrafish_vishwanathan2024" / f"{name}.mat")[
        "ConnMat_CO_top500_2blocks_gamma038_08062020"
    ]
    found["zebrafish"] = from_matrix(matrix)
    for side in ("left", "right"):
        path = folder / "larva_mb_eichler2017" / f"{side}_adjacency.csv"
        found[f"eichler {side}"] = from_matrix(np.loadtxt(path))
    links = json.loads((folder / "ciona_ryan2016" / "ciona.json").read_text())["links"]
    found["ciona"] = named_graph((link["source"] for link in links), (link["target"] for link in links))
    return found


@pytest.mark.slow
def test_varshney_cook_witvliet_microns_zebrafish_eichler_ciona_equal_igraph(real_data: Path) -> None:
    graphs = real_graphs(real_data)
    assert len(graphs) >= 14
    for name, one in graphs.items():
        assert tetrad_counts(one).tolist() == by_igraph(one), name


def test_larva_has_what_igraph_found(real_data: Path) -> None:
    """igraph 1.0 needs six minutes for these; all 199 classes agreed, totals and a few are kept here."""
    edges = np.loadtxt(real_data / "larva_winding2023" / "G_edgelist.txt", usecols=(0, 1), dtype=np.int64)
    larva = named_graph(edges[:, 0], edges[:, 1])
    found = dict(zip(TETRADS, tetrad_counts(larva, workers=2).tolist(), strict=True))
    assert (larva.n, larva.m, sum(found.values())) == (3554, 118_433, 793_463_912)
    assert (found["204"], found["904"], found["392"]) == (1_626_002, 1_498_459, 86_420_031)
