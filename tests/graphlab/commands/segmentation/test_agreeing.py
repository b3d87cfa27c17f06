from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from gpu_embed.ffn.subvolumes.files import write_labels
from graphlab.cli import app
from ingest.volumes.volume import open_volume


def made_run(folder: Path, labels: np.ndarray) -> Path:
    folder.mkdir()
    about = {
        "volume": ["em"],
        "resolution": [8, 8, 20],
        "box": [[1, 2, 3], [7, 8, 9]],
        "pieces": [[[1, 2, 3], [7, 8, 9]]],
    }
    (folder / "run.json").write_text(json.dumps(about))
    write_labels(folder, (1, 2, 3), labels, [])
    return folder


def test_the_consensus_of_two_runs(tmp_path: Path) -> None:
    joined, parted = np.ones((2, 6, 6, 6), dtype=np.int32)
    joined[:, 5], parted[:, 3:], parted[:, 5:] = 0, 2, 0
    folders = [str(made_run(tmp_path / name, labels)) for name, labels in (("a", joined), ("b", parted))]
    output = f"precomputed://{tmp_path}/all"
    words = ["consensus-segmentation", *folders, str(tmp_path / "both"), "--output", output, "--no-progress"]
    ran = CliRunner().invoke(app, [*words, "--json"])
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert (told["objects_before"], told["objects"], told["voxels"]) == (1, 2, 180)
    volume = open_volume(output)
    assert (volume.start, volume.resolution.xyz) == ((1, 2, 3), (8, 8, 20))
    found = volume.read(volume.start, volume.stop)
    np.testing.assert_array_equal(np.bincount(found.reshape(-1)), [36, 108, 72])
    refused = CliRunner().invoke(app, [*words[:-3], "--threshold", "0.9"])
    assert refused.exit_code == 1
    assert "holds a run of another controls" in str(refused.exception)
