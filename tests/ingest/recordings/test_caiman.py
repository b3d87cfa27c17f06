"""Files of CaImAn: accepted components, a rate that somebody said, nothing that does not fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.recordings.readers import open_recordings
from ingest.recordings.recording import Recording
from ingest.schema.errors import GraphlabError, SchemaError

h5py = pytest.importorskip("h5py")

C, DFF = (np.random.default_rng(seed).normal(size=(5, 40)) for seed in (1, 2))


def saved(folder: Path, **changed: Any) -> Path:
    """The parts that are read of what ``CNMF.save`` writes; what is not there is the text NoneType."""
    parts: dict[str, Any] = {
        "estimates/C": C, "estimates/F_dff": DFF, "estimates/S": np.abs(C), "estimates/YrA": C * 0.1,
        "estimates/idx_components": np.array([0, 2, 4]), "estimates/A/data": np.ones(3), "params/data/fr": 12.5,
        "dims": np.array([64, 64]), "estimates/R": "NoneType",
    }  # fmt: skip
    path = folder / "fish3.hdf5"
    with h5py.File(path, "w") as file:
        for name, value in {**parts, **changed}.items():
            if value is not None:
                file[name] = value
    return path


def read(path: Path, **options: Any) -> Recording:
    (found,) = open_recordings(path, options)
    return found


def traces(found: Recording) -> np.ndarray:
    return found.block(0, len(found.identities))


def test_accepted_components(tmp_path: Path) -> None:
    path = saved(tmp_path)
    found = read(path)
    assert found.animal == "fish3"
    assert np.array_equal(traces(found), DFF[[0, 2, 4]].astype(np.float32))
    assert np.allclose(found.time_s, np.arange(40) / 12.5)
    assert "traces estimates/F_dff" in found.notes
    assert "12.5 frames a second, as params/data/fr says" in found.notes
    assert "2 of 5 regions are no cells and left out (--option rois=all)" in found.notes
    assert np.array_equal(traces(read(path, rois="all", traces="C")), C.astype(np.float32))
    asked = read(path, rate_hz="20")
    assert "params/data/fr says 12.5 frames a second; read with 20, as asked" in asked.notes
    assert np.allclose(asked.time_s, np.arange(40) / 20)


def test_what_caiman_did_not_compute(tmp_path: Path) -> None:
    found = read(saved(tmp_path, **{"estimates/F_dff": "NoneType", "estimates/idx_components": "NoneType"}))
    assert "traces estimates/C" in found.notes
    assert len(found.identities) == 5


@pytest.mark.parametrize(
    ("changed", "options", "told"),
    [
        ({"params/data/fr": 30}, {}, "params/data/fr is 30, which CaImAn writes where nobody said"),
        ({"params/data/fr": None}, {}, "no timestamps for 40 frames"),
        ({"params/data/fr": "NoneType"}, {}, "no timestamps for 40 frames"),
        ({"params/data/fr": 0.0}, {}, "rate_hz: found 0.0"),
        ({"params/data/fr": np.nan}, {}, "rate_hz: found nan"),
        ({}, {"rate_hz": "often"}, "rate_hz: found 'often'"),
        ({}, {"traces": "dff"}, "estimates has no traces 'dff'"),
        ({}, {"series": "x"}, "files of CaImAn do not use the option 'series'"),
        ({"estimates/C": None, "estimates/F_dff": None}, {}, "estimates has no traces 'C'"),
        ({"estimates/C": C[0], "estimates/F_dff": None}, {}, "estimates has no traces 'C'"),
        ({"estimates/F_dff": DFF[:, :9]}, {}, r"estimates/F_dff has the shape \(5, 9\), estimates/C \(5, 40\)"),
        ({"estimates/idx_components": np.array([0, 5])}, {}, "names a component that none of 5 is"),
        ({"estimates/idx_components": np.array([-1, 2])}, {}, "names a component that none of 5 is"),
        ({"estimates/idx_components": np.array([], int)}, {}, "none of its 5 regions is a cell"),
        ({"estimates/F_dff": np.full((5, 40), np.inf)}, {}, "is infinite at frame 1"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, changed: dict[str, Any], options: dict[str, Any], told: str) -> None:
    with pytest.raises(GraphlabError, match=told):
        read(saved(tmp_path, **changed), **options)


def test_the_rate_can_be_said_where_the_file_holds_the_default(tmp_path: Path) -> None:
    found = read(saved(tmp_path, **{"params/data/fr": 30}), rate_hz="30")
    assert found.time_s[1] == pytest.approx(1 / 30)


def test_sizes_are_seen_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.hdf5"
    with h5py.File(path, "w") as file:
        file.create_dataset("estimates/C", shape=(10**6, 10**6), chunks=(1, 1000), dtype="f8")
    with pytest.raises(GraphlabError, match=r"the data set '/estimates/C' .* would take 8,000,000,000,000 bytes"):
        read(path, rate_hz="1")


def test_damage(tmp_path: Path) -> None:
    path = saved(tmp_path)
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(GraphlabError, match=r"fish3.hdf5"):
        read(path)
    with pytest.raises(SchemaError, match="wanted the groups gcamp"):
        with h5py.File(tmp_path / "b.h5", "w") as file:
            file["other"] = 1
        read(tmp_path / "b.h5")
