"""graphlab process-volume: Google's config in, a volume with its descriptor out, one error."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

tensorstore = pytest.importorskip("tensorstore")


def test_holes_are_filled(tmp_path: Path, document: Callable[..., Any], graphlab: Callable[..., Any]) -> None:
    seg = np.full((6, 8, 10), 2**63 + 5, np.uint64)
    seg[3, 4, 5] = 0
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/seg/"}}
    schema = {"dtype": "uint64", "domain": {"shape": seg.shape}}
    tensorstore.open({**spec, "schema": schema}, create=True).result().write(seg).result()
    config = {
        "input_volume": {"tensorstore_config": {"spec": spec, "metadata": {"voxel_size": [8, 8, 40]}}},
        "output_dir": f"{tmp_path}/out", "subvolume_size": [10, 8, 6],
        "processor": {"name": "FillHoles", "args": {"min_neighbor_size": 1}},
    }  # fmt: skip
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    written = document("process-volume", path)
    found = tensorstore.open(written["tensorstore_config"]["spec"]).result().read().result()[0]
    assert np.unique(found).tolist() == [2**63 + 5]
    again = graphlab("process-volume", path)
    assert again.returncode == 1
    assert "is there already" in again.stderr
    path.write_text(json.dumps({**config, "output_dir": f"{tmp_path}/two"}))
    assert "FillHoles" in graphlab("process-volume", path).stdout
