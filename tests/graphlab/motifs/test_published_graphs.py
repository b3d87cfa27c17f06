"""Nulls on published connectomes: worm stages in one profile, MICrONS over observable pairs, larva by class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graphlab import Graph
from graphlab.motifs.significance.motifs import Significance
from graphlab.motifs.significance.profiles import profiles

MICRONS = {"synapse_id": "id", "x_nm": "ctr_pt_x_nm", "y_nm": "ctr_pt_y_nm", "z_nm": "ctr_pt_z_nm"}
STAGES = {"pre_name": "pre", "post_name": "post", "presynapse_id": "syn_id"}


@pytest.mark.slow
def test_witvliet_stages_in_one_profile(real_data: Path, tmp_path: Path) -> None:
    """Feed-forward loops stand out and cycles are rare at every stage; neighbouring stages look alike."""
    source = real_data / "celegans_witvliet2021" / "synapse_list.csv"
    results: dict[str, Significance] = {}
    for stage in range(1, 9):
        with Graph.create(tmp_path / f"w{stage}", dataset=f"stage {stage}") as graph:
            keep = {"dataset": [f"Dataset{stage}"]}
            graph.ingest(source, as_="synapses", columns=STAGES, keep=keep, kind="chemical")
            results[f"stage {stage}"] = graph.motifs.significance(3, samples=60, seed=1)
            if stage == 8:
                page = graph.report(
                    tmp_path / "page.html", motifs=results["stage 8"], compare=dict(list(results.items())[:7])
                )
    found = profiles(results)
    assert found.graphs == tuple(results)
    values = dict(zip(found.classes, found.values.T, strict=True))
    assert (values["030T"] > 0).all()
    assert (values["030C"] < 0).all()
    alike = found.correlation()
    assert alike.min() > 0.7
    text = page.read_text(encoding="utf-8")
    drawn = [figure.count("<polyline") for figure in text.split("<svg")]
    assert max(drawn) == 8
    assert "Triad significance profile" in text


def microns(folder: Path, path: Path, with_status: bool) -> Iterator[Graph]:
    raw = folder / "microns_l23_v185" / "soma_subgraph_synapses_spines_v185.csv"
    with Graph.create(path, "MICrONS L2/3", "4,4,40", "185") as graph:
        if with_status:
            rows = pd.read_csv(raw)
            ids = np.unique(rows[["pre_root_id", "post_root_id"]].to_numpy()).astype(np.uint64)
            axon = np.where(np.isin(ids, rows.pre_root_id.to_numpy().astype(np.uint64)), "extended", "non")
            graph.ingest(
                pd.DataFrame({"root_id": ids, "status_axon": axon, "status_dendrite": "extended"}), as_="neurons"
            )
        graph.ingest(raw, as_="synapses", columns=MICRONS)
        yield graph


def test_microns_over_observable_pairs(real_data: Path, tmp_path: Path) -> None:
    """Only 104 axons are proofread: a null over all pairs would let the other 230 neurons make connections."""
    for graph in microns(real_data, tmp_path / "seen", True):
        view = graph.snapshot()
        assert (view.n, view.m) == (334, 1734)
        found = graph.motifs.significance(3, samples=100, seed=2)
        assert found.observed.tolist() == list(graph.motifs.census(3).counts.values())
        assert found.view_meta == {"kind": "chemical", "min_weight": 0.0}
        er = graph.motifs.significance(3, "er", samples=20, seed=2)
        assert found.ratio[8] > 1
        assert er.ratio[8] > found.ratio[8]
    for graph in microns(real_data, tmp_path / "all", False):
        blind = graph.motifs.significance(3, "er", samples=20, seed=2)
        # The same number of connections over all pairs instead of those from the 104.
        assert blind.mean[3] != pytest.approx(er.mean[3], rel=0.1)
        expected = view.m * (view.m - 1) / (104 * 333 * (104 * 333 - 1))
        triples = 104 * 333 * 332 / 2
        assert er.mean[3] + er.mean[[8, 9, 11, 12, 13, 14, 15]].sum() == pytest.approx(triples * expected, rel=0.1)


@pytest.mark.slow
def test_larva_by_class(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "larva_winding2023"
    meta = pd.read_csv(folder / "meta_data.csv", index_col=0, low_memory=False)
    neurons = pd.DataFrame(
        {
            "root_id": meta.index.to_numpy().astype(np.uint64),
            "cell_type": meta["simple_group"].astype("string").to_numpy(),
            "side": meta["hemisphere"].map({"L": "left", "R": "right"}).to_numpy(),
        }
    )
    with Graph.create(tmp_path / "g", dataset="larva (Winding 2023)") as graph:
        graph.ingest(neurons, as_="neurons")
        graph.ingest(folder / "G_edgelist.txt", as_="connections", header=False)
        census = graph.motifs.census(3, min_weight=5, by="cell_type")
        assert "KCs" in census.groups
        found = graph.motifs.significance(
            3, "block", samples=20, seed=1, min_weight=5, keep_reciprocity=True, workers=2
        )
        plain = graph.motifs.significance(3, "configuration", samples=20, seed=1, min_weight=5, workers=2)
        at = found.classes.index("030T")
        # Classes explain a part of the feed-forward loops that degrees alone do not.
        assert 1 < found.ratio[at] < plain.ratio[at]
        assert found.mixing is not None
        assert found.mixing.mixes
        assert "between every two types" in found.sentence
        page = graph.report(tmp_path / "larva.html", motifs=found)
        assert "KCs" in page.read_text(encoding="utf-8")
