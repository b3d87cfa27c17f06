"""The example goes from a raw table to figure, methods and a folder that reproduces itself."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ingest.synthetic import connectome as synthetic

EXAMPLE = Path(__file__).parents[2] / "examples" / "motif_figure.py"


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([sys.executable, "-W", "error", *map(str, command)], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_a_raw_synapse_table_to_a_bundle_that_reruns(tmp_path: Path) -> None:
    made = synthetic.make(tmp_path / "sources", neurons=200, seed=2)
    told = run(
        EXAMPLE, made.synapses, "out", "--neurons", made.neurons, "--columns", "cave", "--resolution", "4,4,40",
        "--dataset", "made <b>connectome</b>", "--min-weight", "10", "--samples", "60", "--seed", "7", cwd=tmp_path,
    )  # fmt: skip
    assert "graphlab rerun graph" in told
    bundle = tmp_path / "elsewhere"
    shutil.move(tmp_path / "out", bundle)
    shutil.rmtree(tmp_path / "sources")

    command = (bundle / "rerun.txt").read_text().split()
    assert command[:3] == ["graphlab", "rerun", "graph"]
    assert "equal" in run("-m", "graphlab.cli", *command[1:], cwd=bundle)

    methods = (bundle / "motifs_files" / "methods.txt").read_text(encoding="utf-8")
    assert "60 random graphs (seed 7)" in methods
    assert "of weight 10 or more" in methods
    assert "every synapse of the sources counts" in methods
    assert re.search(r"graphlab \d.*Python 3.*DuckDB.*NumPy.*Numba", methods)
    figure = ElementTree.parse(bundle / "motifs_files" / "motifs_3_reciprocal.svg").getroot()
    assert figure.tag.endswith("svg")
    assert any(item.get("class") == "violin" for item in figure.iter())
    page = (bundle / "motifs.html").read_text(encoding="utf-8")
    assert "<b>connectome" not in page
    assert "made &lt;b&gt;connectome&lt;/b&gt;" in page
