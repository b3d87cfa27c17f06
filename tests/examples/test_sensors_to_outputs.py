"""The example goes from tables to a figure, layers and paths, and a folder that recomputes itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "sensors_to_outputs.py"


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-W", "error", *map(str, command)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_tables_to_a_figure_that_reruns(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    neurons = pd.DataFrame(
        {"root_id": np.arange(1, 61), "cell_type": ["eye"] * 10 + ["relay", "core"] * 20 + ["leg"] * 10}
    )
    pairs = pd.DataFrame({"pre_root_id": rng.integers(1, 61, 500), "post_root_id": rng.integers(1, 61, 500)})
    pairs = pairs.drop_duplicates().assign(weight=lambda rows: rng.integers(1, 9, len(rows)))
    neurons.to_csv(tmp_path / "neurons.csv", index=False)
    pairs.to_csv(tmp_path / "edges.csv", index=False)
    told = run(EXAMPLE, "edges.csv", "neurons.csv", "out", "--sensors", "cell_type=eye", "--outputs", "cell_type=leg",
               "--paths", "5", cwd=tmp_path)  # fmt: skip
    assert "4 types by layer, 5 paths" in told
    out = tmp_path / "out"
    layers = pd.read_csv(out / "layers.csv")
    assert layers["cell_type"][0] == "eye"
    assert layers["layer"][0] == 1
    paths = pd.read_csv(out / "paths.csv")
    assert set(paths.groupby("path")["cell_type"].first()) == {"eye"}
    assert set(paths.groupby("path")["cell_type"].last()) == {"leg"}
    assert ElementTree.parse(out / "flow.svg").getroot().tag.endswith("svg")
    assert "paths: maximal flow from 10 to 10 neurons" in (out / "notes.txt").read_text(encoding="utf-8")
    command = (out / "rerun.txt").read_text(encoding="utf-8").splitlines()[-1].split()
    assert "equal" in run("-m", "graphlab.cli", *command[1:], cwd=out)


@pytest.mark.slow
def test_the_larva(real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "larva_winding2023"
    run(EXAMPLE, folder / "G_edgelist.txt", folder / "meta_data.csv", "out", "--no-header",
        "--columns", "root_id=column0,cell_type=simple_group", "--sensors", "cell_type=sensories",
        "--outputs", "cell_type=dVNCs", cwd=tmp_path)  # fmt: skip
    layers = pd.read_csv(tmp_path / "out" / "layers.csv").set_index("cell_type")
    assert layers.loc["sensories", "layer"] == 1
    assert layers.loc["PNs", "layer"] < layers.loc["KCs", "layer"] < layers.loc["MBONs", "layer"]
    assert (
        layers.loc["sensories", "signal_flow"] > layers.loc["LHNs", "signal_flow"] > layers.loc["dVNCs", "signal_flow"]
    )
