"""The atlas file as laid out: turned so that the first neuron is the stimulated one, names mended, faults told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ingest.recordings.funatlas import STRAINS, read_funatlas
from ingest.schema.errors import ReadError, SchemaError

h5py = pytest.importorskip("h5py")
NAMES = [b"ADAL", b"ADAR", b"AWCOF", b"AWCON", b"SMBDL"]


def made(path: Path, change: Callable[[Any], None] | None = None, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """A file of five neurons; what was written, [i, j] the answer of i to j."""
    rng = np.random.default_rng(seed)
    n, wrote = len(NAMES), {}
    with h5py.File(path, "w") as file:
        file["neuron_ids"] = np.array(NAMES, dtype="S5")
        for strain in STRAINS:
            count = rng.integers(0, 6, (n, n))
            trials = np.empty((n, n), dtype=object)
            for i, j in np.ndindex(n, n):
                trials[i, j] = rng.normal(size=count[i, j])
            mean = np.array([[t.mean() if len(t) else np.nan for t in row] for row in trials])
            found = {
                "dFF": mean,
                "q": np.where(count > 0, rng.random((n, n)), np.nan),
                "q_eq": np.where(count > 0, rng.random((n, n)), np.nan),
                "occ1": count + rng.integers(0, 2, (n, n)),
            }
            group = file.create_group(strain)
            for name, matrix in found.items():
                group[name] = matrix
            lists = group.create_dataset("dFF_all", (n, n), dtype=h5py.vlen_dtype(np.float64))
            for i, j in np.ndindex(n, n):
                lists[i, j] = trials[i, j]
            wrote[strain] = {**found, "dFF_all": trials}
        if change:
            change(file)
    return wrote


def test_rows_are_stimulated_and_names_have_their_ends(tmp_path: Path) -> None:
    wrote = made(tmp_path / "f.h5")
    atlas = read_funatlas(tmp_path / "f.h5")
    assert atlas.names == ("ADAL", "ADAR", "AWCOFF", "AWCON", "SMBDL")
    assert set(atlas.strains) == {"wt", "unc31"}
    for strain, found in atlas.strains.items():
        was = wrote[strain]
        for i, j in np.ndindex(5, 5):
            assert np.array_equal(found.size[j, i], was["dFF"][i, j], equal_nan=True)
            assert np.array_equal(found.q[j, i], was["q"][i, j], equal_nan=True)
            assert np.array_equal(found.q_equivalent[j, i], was["q_eq"][i, j], equal_nan=True)
            assert found.observations[j, i] == was["occ1"][i, j]
            assert np.array_equal(found.trials[j, i], was["dFF_all"][i, j])


def test_trials_without_a_number_are_left_out(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        file["wt/dFF_all"][1, 2] = [0.5, np.nan, 1.5]
        file["wt/dFF"][1, 2] = 1.0

    made(tmp_path / "f.h5", change)
    assert read_funatlas(tmp_path / "f.h5").strains["wt"].trials[2, 1].tolist() == [0.5, 1.5]


def renamed(names: list[bytes]) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file["neuron_ids"]
        file["neuron_ids"] = np.array(names)

    return change


def replaced(name: str, values: Any) -> Callable[[Any], None]:
    def change(file: Any) -> None:
        del file[name]
        if values is not None:
            file[name] = values

    return change


def turned(file: Any) -> None:
    file["unc31/dFF"][()] = file["unc31/dFF"][()].T


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (renamed([b"ADAR", b"ADAL", b"AWCOF", b"AWCON", b"SMBDL"]), "do not ascend: 'ADAR' stands before 'ADAL'"),
        (renamed([b"ADAL", b"ADAL", b"AWCOF", b"AWCON", b"SMBDL"]), "'ADAL' stands twice"),
        (renamed([b"ADAL", b"ADA\xff", b"AWCOF", b"AWCON", b"SMBDL"]), "no ASCII"),
        (renamed(NAMES[:4]), r"wt/dFF is float64 of shape \(5, 5\); wanted numbers \[4, 4\]"),
        (replaced("neuron_ids", np.arange(5)), "neuron_ids is int64"),
        (replaced("neuron_ids", None), "no data set 'neuron_ids'"),
        (replaced("unc31", None), "no group 'unc31'.*wanted wt and unc31"),
        (replaced("wt/q_eq", None), "no data set 'wt/q_eq'"),
        (replaced("wt/q", np.array([[b"a"] * 5] * 5)), r"wt/q is \|S1"),
        (replaced("wt/occ1", np.full((5, 5), 1.5)), "wt/occ1 holds numbers that are no counts"),
        (replaced("wt/occ1", np.full((5, 5), -1)), "wt/occ1 holds numbers that are no counts"),
        (replaced("wt/dFF_all", np.zeros((5, 5))), r"wt/dFF_all is float64.*wanted lists of numbers"),
        (turned, r"unc31/dFF\[.*wanted matrices of the same neurons in the same order"),
    ],
)
def test_faults_are_told(change: Callable[[Any], None], message: str, tmp_path: Path) -> None:
    made(tmp_path / "f.h5", change)
    with pytest.raises(SchemaError, match=message):
        read_funatlas(tmp_path / "f.h5")


def test_lists_of_text_are_refused(tmp_path: Path) -> None:
    def change(file: Any) -> None:
        del file["wt/dFF_all"]
        file["wt"].create_dataset("dFF_all", (5, 5), dtype=h5py.string_dtype())

    made(tmp_path / "f.h5", change)
    with pytest.raises(SchemaError, match="wanted lists of numbers"):
        read_funatlas(tmp_path / "f.h5")


def test_no_file_and_no_hdf5(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match=r"does not exist; wanted the file funatlas\.h5"):
        read_funatlas(tmp_path / "f.h5")
    (tmp_path / "f.h5").write_text("neuron_ids")
    with pytest.raises(ReadError, match="no readable HDF5 file"):
        read_funatlas(tmp_path / "f.h5")
    made(tmp_path / "g.h5")
    whole = (tmp_path / "g.h5").read_bytes()
    (tmp_path / "g.h5").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ReadError, match="no readable HDF5 file"):
        read_funatlas(tmp_path / "g.h5")
