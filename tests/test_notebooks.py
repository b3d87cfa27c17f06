"""Every notebook runs from its first cell to its last, on data that it makes."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
NEEDS = {"segclr_volume_to_types": ("torch", "tensorstore", "safetensors", "sklearn")}
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs(notebook: Path, tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    for module in NEEDS.get(notebook.stem, ()):
        pytest.importorskip(module)
    cells = nbformat.read(notebook, as_version=4)
    nbformat.validate(cells)
    nbclient.NotebookClient(cells, timeout=500, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in cells.cells if cell.cell_type == "code"]
    assert len(code) >= 6
    assert all(cell.execution_count for cell in code)
    told = [out.get("text", "") for cell in code for out in cell.outputs if out.output_type == "stream"]
    assert not [text for text in told if "Traceback" in text]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_kept_without_outputs(notebook: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    for cell in nbformat.read(notebook, as_version=4).cells:
        assert not cell.get("outputs"), "clear all outputs before committing"


def test_all_three_are_listed() -> None:
    page = (ROOT / "docs" / "notebooks.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 3
    assert all(f"(../notebooks/{notebook.name})" in page for notebook in NOTEBOOKS)
