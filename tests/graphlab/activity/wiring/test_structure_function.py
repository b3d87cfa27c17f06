"""Structure against function: AUROC is scikit-learn's, the null keeps what it says, the worm says little."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphlab import Graph
from graphlab.activity.wiring.enrichment import communities, enrich, motif_roles
from graphlab.activity.wiring.pair_null_kernel import swap_labels, swap_mirrored_labels
from graphlab.activity.wiring.structure import pair_structure
from graphlab.activity.wiring.structure_function import compare
from ingest.recordings.responses import from_matrix, read_responses
from ingest.schema.errors import AnalysisError, SchemaError
from queries.snapshot import Snapshot


def random_graph(rng: np.random.Generator, n: int, chance: float) -> Snapshot:
    i, j = np.nonzero((rng.random((n, n)) < chance) & ~np.eye(n, dtype=bool))
    return Snapshot.from_edges(np.arange(n, dtype=np.uint64), i, j, rng.integers(1, 9, len(i)).astype(float))


def test_the_null_keeps_degree_distance_and_who_was_measured() -> None:
    rng = np.random.default_rng(1)
    label = (rng.random((40, 40)) < 0.2).astype(np.int8)
    label[rng.random((40, 40)) < 0.1] = -1
    bins = rng.integers(0, 3, (40, 40)).astype(np.int8)
    after = label.copy()
    assert swap_labels(after, bins, 20_000, 7) > 300
    np.testing.assert_array_equal(label == -1, after == -1)
    for axis in (0, 1):
        np.testing.assert_array_equal((label == 1).sum(axis=axis), (after == 1).sum(axis=axis))
    for number in range(3):
        assert (label == 1)[bins == number].sum() == (after == 1)[bins == number].sum()
    assert (label != after).mean() > 0.1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([0.1, 0.4]))
def test_the_null_of_edges_without_direction_is_mirrored(seed: int, chance: float) -> None:
    rng = np.random.default_rng(seed)
    label = np.triu((rng.random((30, 30)) < chance).astype(np.int8), 1)
    label += label.T
    hidden = np.triu(rng.random((30, 30)) < 0.1, 1)
    label[hidden | hidden.T] = -1
    np.fill_diagonal(label, -1)
    bins = np.triu(rng.integers(0, 3, (30, 30)).astype(np.int8), 1)
    bins += bins.T
    after = label.copy()
    assert swap_mirrored_labels(after, bins, 20_000, seed) > 50
    np.testing.assert_array_equal(after, after.T)
    np.testing.assert_array_equal(label == -1, after == -1)
    np.testing.assert_array_equal((label == 1).sum(axis=1), (after == 1).sum(axis=1))
    for number in range(3):
        assert (label == 1)[bins == number].sum() == (after == 1)[bins == number].sum()


def test_p_holds_for_edges_without_direction() -> None:
    """Labels in both halves and a null that draws the halves by themselves made P(p <= .05) three times too large."""
    low = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        view = random_graph(rng, 20, 0.15)
        structure = pair_structure(view, None, view.root_ids)
        half = np.triu((rng.random((20, 20)) < 0.2).astype(np.int8), 1)
        rows, notes = compare(structure, half + half.T, bootstraps=0, permutations=59, seed=seed)
        assert any("mirrored" in note for note in notes)
        low.append(np.mean([row.p <= 0.05 for row in rows if row.quantity == "auroc" and np.isfinite(row.p)]))
    assert np.mean(low) <= 0.05 + 2.5 * np.std(low) / np.sqrt(len(low))


DEGREE_EFFECTS = {
    "logistic": lambda i, o: 1 / (1 + np.exp(1 - 1.2 * standard(np.log1p(i + o)))),
    "in-degree only": lambda i, o: 1 / (1 + np.exp(1 - 1.5 * standard(np.log1p(i)))),
    "thresholded": lambda i, o: np.where(i + o > np.quantile(i + o, 0.7), 0.7, 0.1),
    "U-shaped": lambda i, o: 1 / (1 + np.exp(1.5 - 1.2 * standard(np.log1p(i + o)) ** 2)),
}


def standard(x: np.ndarray) -> np.ndarray:
    return (x - x.mean()) / x.std()


def heavy_tailed(rng: np.random.Generator, n: int) -> Snapshot:
    out = rng.lognormal(0, 0.8, n)
    chance = np.minimum(0.9, 0.06 * np.outer(out, np.exp(0.6 * np.log(out) + rng.normal(0, 0.6, n))))
    i, j = np.nonzero((rng.random((n, n)) < chance) & ~np.eye(n, dtype=bool))
    return Snapshot.from_edges(np.arange(n, dtype=np.uint64), i, j)


@pytest.mark.parametrize("effect", DEGREE_EFFECTS)
def test_enrichment_holds_whatever_degree_does(effect: str) -> None:
    """Four bins of degree left .27 to .38 at p <= .05 here."""
    roles, types = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        view = heavy_tailed(rng, 200)
        chance = DEGREE_EFFECTS[effect](np.diff(view.in_start).astype(float), np.diff(view.out_start).astype(float))
        encoding = np.flatnonzero(rng.random(200) < chance)
        names = [str(kind) for kind in rng.integers(0, 4, 200)]
        rows = enrich(view, np.arange(200), encoding, {"type": list(names)}, draws=300, seed=seed)
        roles.append(np.mean([row.p <= 0.05 for row in rows if row.label_kind == "motif_role"]))
        types.append(np.mean([row.p <= 0.05 for row in rows if row.label_kind == "type"]))
    assert np.mean(roles) <= 0.05 + 2.5 * np.std(roles) / np.sqrt(len(roles))
    assert np.mean(types) <= 0.05 + 2.5 * np.std(types) / np.sqrt(len(types))


def test_a_planted_role_is_found_beyond_degree() -> None:
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        view = heavy_tailed(rng, 200)
        role = np.log1p(motif_roles(view)["loop source"])
        total = np.diff(view.in_start) + np.diff(view.out_start)
        beyond = standard(role - np.poly1d(np.polyfit(np.log1p(total), role, 3))(np.log1p(total)))
        encoding = np.flatnonzero(rng.random(200) < 1 / (1 + np.exp(0.5 - 2.0 * beyond)))
        rows = {row.label: row for row in enrich(view, np.arange(200), encoding, {}, draws=1000, seed=seed)}
        found.append(rows["loop source"].q <= 0.05)
    assert np.mean(found) >= 0.8


def test_structure_by_hand() -> None:
    view = Snapshot.from_edges(np.arange(4, dtype=np.uint64), [0, 1, 0, 2], [1, 2, 2, 0], [5.0, 1.0, 2.0, 3.0])
    position = np.array([[0, 0, 0], [3, 4, 0], [0, 0, 1], [0, 0, 2.0]])
    found = pair_structure(view, None, view.root_ids, position, ["A", "A", "B", None])
    assert found.numbers["weight"][0, 1] == 5
    assert found.numbers["minus_distance_nm"][0, 1] == -5
    assert found.groups["path_length"][1, 0] == "2"
    assert found.groups["path_length"][0, 3] == "none"
    assert found.groups["reciprocity"][0, 2] == "reciprocal"
    assert found.groups["motif_role"][0, 2] == "closes feed-forward loop"
    assert found.groups["cell_type"][0, 1] == "same"
    assert found.groups["cell_type"][0, 3] == "unknown"


def test_planted_structure_is_found_and_its_absence_too() -> None:
    rng = np.random.default_rng(2)
    view = random_graph(rng, 60, 0.1)
    structure = pair_structure(view, None, view.root_ids, rng.normal(size=(60, 3)))
    chance = np.where(structure.numbers["weight"] > 0, 0.5, 0.05)
    planted, _ = compare(structure, (rng.random((60, 60)) < chance).astype(np.int8), 100, 99)
    rows = {(row.quantity, row.structure): row for row in planted if row.group is None}
    assert rows["auroc", "weight"].lo > 0.6
    assert rows["auroc", "weight"].p <= 0.02
    assert rows["partial_effect", "weight"].lo > 0
    nothing, _ = compare(structure, (rng.random((60, 60)) < 0.1).astype(np.int8), 100, 99)
    row = next(row for row in nothing if (row.quantity, row.structure) == ("auroc", "weight"))
    assert row.lo < 0.5 < row.hi
    assert row.p > 0.02
    with pytest.raises(AnalysisError, match="0 are functional"):
        compare(structure, np.zeros((60, 60), np.int8))


def test_motif_roles_by_brute_force() -> None:
    view = random_graph(np.random.default_rng(3), 20, 0.2)
    edge = np.zeros((20, 20), dtype=int)
    edge[view.sources(), view.out_target] = 1
    wanted = {name: np.zeros(20) for name in ("reciprocal", "loop source", "loop middle", "loop target", "cycle")}
    for a in range(20):
        for b in range(20):
            wanted["reciprocal"][a] += edge[a, b] * edge[b, a]
            for c in range(20):
                loop = edge[a, b] * edge[b, c] * edge[a, c]
                wanted["loop source"][a] += loop
                wanted["loop middle"][b] += loop
                wanted["loop target"][c] += loop
                wanted["cycle"][a] += edge[a, b] * edge[b, c] * edge[c, a]
    for name, counts in motif_roles(view).items():
        np.testing.assert_array_equal(counts, wanted[name], err_msg=name)


def test_enrichment_is_matched_on_degree() -> None:
    """Hubs encode: without matching every role of hubs would be enriched."""
    rng = np.random.default_rng(4)
    n = 200
    hub = np.where(np.arange(n) < 50, 0.3, 0.03)
    i, j = np.nonzero((rng.random((n, n)) < np.sqrt(np.outer(hub, hub))) & ~np.eye(n, dtype=bool))
    view = Snapshot.from_edges(np.arange(n, dtype=np.uint64), i, j)
    types = ["sensory" if node % 2 else "motor" for node in range(n)]
    encoding = np.flatnonzero(rng.random(n) < np.where(hub > 0.1, 0.6, 0.1))
    rows = {(r.label_kind, r.label): r for r in enrich(view, np.arange(n), encoding, {"type": list(types)})}
    assert rows["motif_role", "loop source"].p > 0.01
    assert rows["motif_role", "loop source"].value > 1.5 * motif_roles(view)["loop source"].mean(), (
        "raw share is larger"
    )
    chosen = np.flatnonzero((np.arange(n) % 2 == 1) & (rng.random(n) < 0.5))
    rows = {(r.label_kind, r.label): r for r in enrich(view, np.arange(n), chosen, {"type": list(types)})}
    assert rows["type", "sensory"].q <= 0.05
    with pytest.raises(AnalysisError, match="0 of 200"):
        enrich(view, np.arange(n), np.array([], int), {})
    assert communities(view) == communities(view)


def test_orientation_of_a_matrix_is_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(",A,B\nA,1,2\nB,,4\n")
    with pytest.raises(SchemaError, match="say what the rows of the matrix are"):
        read_responses(path)
    assert read_responses(path, "response").to_pylist() == [{"pre_name": "B", "post_name": "A", "value": 2.0}]
    assert read_responses(path, "stimulus").to_pylist() == [{"pre_name": "A", "post_name": "B", "value": 2.0}]
    path.write_text(",A,A\nA,1,2\nB,3,4\n")
    with pytest.raises(SchemaError, match="duplicated name: 'A'"):
        read_responses(path, "response")
    twice = pa.table({"pre_name": ["A", "A"], "post_name": ["B", "B"], "value": [1.0, 2.0]})
    with pytest.raises(SchemaError, match="the response of B to A is given twice"):
        read_responses(twice)


@pytest.fixture(scope="module")
def randi(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The signal-propagation atlas (Randi et al. 2023) beside the summed worm connectome, soma positions in um."""
    folder = real_data / "celegans_randi2023_funconn"
    lines = (folder / "neuron_ids.txt").read_text().splitlines()
    ids = sorted(parts[1] for parts in map(str.split, lines) if len(parts) == 2)
    with h5py.File(folder / "aconnectome_default.h5") as file:
        # [post, pre], in the order of the sorted ids.
        matrices = {"chemical": file["chem"][:].T, "electrical": file["gap"][:].T}
    names, *rows = (folder / "anatlas_neuron_positions.txt").read_text().splitlines()
    place = dict(zip(names.lstrip("#").split(), (list(map(float, row.split())) for row in rows), strict=True))
    graph = Graph.create(tmp_path_factory.mktemp("randi") / "g")
    at = [place.get(name, [None] * 3) for name in ids]
    columns = {f"{axis}_nm": [None if p[k] is None else p[k] * 1e3 for p in at] for k, axis in enumerate("xyz")}
    graph.ingest(pa.table({"name": ids, "cell_type": [name[:3] for name in ids], **columns}), as_="neurons")
    for kind, matrix in matrices.items():
        i, j = np.nonzero(matrix)
        table = {"pre_name": [ids[a] for a in i], "post_name": [ids[b] for b in j], "weight": matrix[i, j]}
        graph.ingest(pa.table(table), as_="connections", kind=kind)
    atlas = np.load(folder / "derived_wild-type_atlas.npz", allow_pickle=False)
    neurons = [str(name) for name in atlas["neuron_ids"]]
    measured = np.where(atlas["has_kernel"], np.nan_to_num(atlas["scalar_atlas"]), np.nan)
    table = from_matrix(measured, neurons, neurons, "response")
    verdict = np.isfinite(atlas["scalar_atlas"]).T[
        [neurons.index(name) for name in table["pre_name"].to_pylist()],
        [neurons.index(name) for name in table["post_name"].to_pylist()],
    ]
    graph.activity.correlate("response", source=table.append_column("connected", pa.array(verdict)))
    return graph


def test_randi_matrices_are_aligned(randi: Graph, real_data: Path) -> None:
    """Sorted ids: the summed connectome agrees with Varshney's independent count; Fig. 2 agrees with the atlas."""
    from graphlab.store.tables import whole_table

    ours = {
        (row["pre_root_id"], row["post_root_id"]): row["weight"]
        for row in whole_table(randi.folder, "connections").to_pylist()
        if row["kind"] == "chemical"
    }
    neurons = {row["name"]: row["root_id"] for row in randi.to_arrow("neurons").to_pylist()}
    with (real_data / "celegans_cook2019" / "herm_chem_adj.csv").open(newline="", encoding="utf-8-sig") as file:
        lines = list(csv.reader(file))
    # Row = pre, column = post; VB01 there is VB1 here.
    columns = [re.sub(r"0(\d)$", r"\1", name) for name in lines[0]]
    cook = {
        (re.sub(r"0(\d)$", r"\1", line[0]), post): float(value or 0)
        for line in lines[1:]
        for post, value in zip(columns[1:], line[1:], strict=True)
    }
    shared = [key for key in cook if key[0] in neurons and key[1] in neurons and key[0] != key[1]]
    assert len(shared) > 20_000

    def agreement(mirrored: bool) -> float:
        mine = [ours.get((neurons[a], neurons[b])[:: -1 if mirrored else 1], 0.0) for a, b in shared]
        return float(np.corrcoef(mine, [cook[key] for key in shared])[0, 1])

    assert agreement(mirrored=False) > 0.6
    assert agreement(mirrored=True) < 0.4
    fig2 = read_responses(real_data / "celegans_randi2023_funconn" / "randi2023_fig2_source_data.csv", "response")
    mine = {
        (row["pre_root_id"], row["post_root_id"]): row["value"]
        for row in randi.to_arrow("functional_connections").to_pylist()
        if row["connected"]
    }
    pairs = [
        (mine[key], row["value"])
        for row in fig2.to_pylist()
        if (key := (neurons.get(row["pre_name"]), neurons.get(row["post_name"]))) in mine
    ]
    assert len(pairs) > 500
    assert np.corrcoef(np.array(pairs).T)[0, 1] > 0.99


def test_randi_wiring_alone_predicts_little(randi: Graph) -> None:
    answer = randi.activity.correlate("structure", bootstraps=200, permutations=99)
    rows = {(r["quantity"], r["structure"]): r for r in answer.table.to_pylist() if r["group"] is None}
    for name, row in rows.items():
        print(f"{name}: {row['value']:.3f} [{row['lo']:.3f}, {row['hi']:.3f}], null {row['null_mean']:.3f}")
    count, everything = rows["auroc", "weight"], rows["auroc", "weight_all"]
    distance = rows["auroc", "minus_distance_nm"]
    assert 0.52 < count["value"] < 0.58
    assert 0.53 < everything["value"] < 0.60
    assert 0.69 < distance["value"] < 0.76
    assert everything["hi"] < distance["lo"], "distance says more than synapses"
    assert rows["partial_effect", "minus_distance_nm"]["lo"] > 0
    assert {row["kind"] for row in answer.table.to_pylist()} == {"response"}
    rates = {r["group"]: r["value"] for r in answer.table.to_pylist() if r["structure"] == "path_length"}
    assert rates["1"] > rates["2"] > rates["3"] > rates["4 or more"]
    census = randi.activity.functional_snapshot()
    assert census.m > 1000
