"""The signal-propagation atlas in HDF5: q values, sizes and single trials of every pair of neurons, in two strains.

The layout is that of ``funatlas.h5`` in wormneuroatlas 0.0.7 (Randi et al. 2023, Nature 623:406): ``neuron_ids`` [n]
and for each strain ``dFF``, ``q``, ``q_eq``, ``occ1`` [n, n] and ``dFF_all`` [n, n] of lists. There [i, j] is the
answer of i to j; here the first is the stimulated neuron, as everywhere in graphlab. The file is GPL-3: it stays where
it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.hdf5_links import LinkedFile, whole
from ingest.schema.errors import ReadError, SchemaError, did_you_mean

Floats = npt.NDArray[np.float64]
Trials = npt.NDArray[np.object_]

WILD_TYPE, UNC31 = "wt", "unc31"
STRAINS = (WILD_TYPE, UNC31)
CUT = {"AWCOF": "AWCOFF"}
"""Names that lost their end: the file keeps five bytes of each."""
MOST_NEURONS = 10_000


@dataclass(frozen=True, eq=False)
class Strain:
    """Responses of one strain; matrices [n, n], row = stimulated, column = responding."""

    size: Floats
    """Mean dF/F over trials, NaN where not measured."""
    q: Floats
    """False discovery rate of a response; NaN where not measured."""
    q_equivalent: Floats
    """False discovery rate of its absence, by a test of equivalence."""
    observations: npt.NDArray[np.int64]
    """How often the pair was seen; at least the number of its trials with a dF/F."""
    trials: Trials
    """Of float64 arrays: dF/F of every trial."""


@dataclass(frozen=True, eq=False)
class FunctionalAtlas:
    """What a file holds."""

    names: tuple[str, ...]
    """[n] in the order of the matrices."""
    strains: Mapping[str, Strain]


def read_funatlas(path: str | Path) -> FunctionalAtlas:
    """Everything but the kernels, in memory (some 20 MB).

    Raises:
        ReadError: no such file, or none of HDF5. SchemaError: groups or data sets missing, of another shape or kind,
        names that do not ascend (the matrices follow sorted names, and another order would fail silently), means that
        are not those of the trials. MissingExtraError: h5py is missing.
    """
    place = Path(path)
    if not place.is_file():
        raise ReadError(f"{place} does not exist; wanted the file funatlas.h5 of the package wormneuroatlas")
    try:
        with LinkedFile(place, "activity") as file:
            names = _names(file, place)
            return FunctionalAtlas(names, {strain: _strain(file, strain, len(names), place) for strain in STRAINS})
    except (OSError, RuntimeError, KeyError) as error:
        if isinstance(error, ReadError):
            raise
        raise ReadError(f"{place}: no readable HDF5 file: {str(error).splitlines()[0]}") from None


def _names(file: Any, place: Path) -> tuple[str, ...]:
    data = _data(file, "neuron_ids", place)
    if len(data.shape) != 1 or data.dtype.kind != "S" or not 0 < data.shape[0] <= MOST_NEURONS:
        raise SchemaError(
            f"{place}: neuron_ids is {data.dtype} of shape {data.shape}; wanted the names of 1 to {MOST_NEURONS:,} "
            "neurons as text of fixed length"
        )
    try:
        names = [name.decode("ascii") for name in whole(data).tolist()]
    except UnicodeDecodeError:
        raise SchemaError(f"{place}: neuron_ids holds names that are no ASCII text") from None
    for one, other in pairwise(names):
        if one >= other:
            what = f"{one!r} stands twice" if one == other else f"{one!r} stands before {other!r}"
            raise SchemaError(
                f"{place}: neuron_ids do not ascend: {what}. The matrices follow sorted names; in another order they "
                "would be read as those of other neurons"
            )
    return tuple(CUT.get(name, name) for name in names)


def _strain(file: Any, strain: str, n: int, place: Path) -> Strain:
    matrices = {name: _matrix(file, f"{strain}/{name}", n, place) for name in ("dFF", "q", "q_eq", "occ1")}
    counts = matrices["occ1"]
    if not (np.isfinite(counts) & (counts >= 0) & (counts == np.rint(counts))).all():
        raise SchemaError(f"{place}: {strain}/occ1 holds numbers that are no counts")
    trials = _trials(file, f"{strain}/dFF_all", n, place)
    size = matrices["dFF"]
    for i, j in np.argwhere(np.isfinite(size)):
        mean = trials[i, j].mean() if len(trials[i, j]) else np.nan
        if not abs(mean - size[i, j]) <= 1e-6 + 1e-3 * abs(size[i, j]):
            raise SchemaError(
                f"{place}: {strain}/dFF[{i}, {j}] is {size[i, j]:g} and the mean of {strain}/dFF_all there {mean:g}; "
                "wanted matrices of the same neurons in the same order"
            )
    return Strain(size.T, matrices["q"].T, matrices["q_eq"].T, counts.T.astype(np.int64), trials.T)


def _matrix(file: Any, name: str, n: int, place: Path) -> Floats:
    data = _data(file, name, place)
    if data.shape != (n, n) or data.dtype.kind not in "iuf":
        raise SchemaError(f"{place}: {name} is {data.dtype} of shape {data.shape}; wanted numbers [{n}, {n}]")
    values = np.asarray(whole(data), dtype=np.float64)
    if np.isinf(values).any():
        raise SchemaError(f"{place}: {name} holds infinite numbers; NaN says that a pair was not measured")
    return values


def _trials(file: Any, name: str, n: int, place: Path) -> Trials:
    import h5py

    data = _data(file, name, place)
    inside = h5py.check_vlen_dtype(data.dtype)
    if data.shape != (n, n) or inside is None or np.dtype(inside).kind not in "iuf":
        raise SchemaError(f"{place}: {name} is {data.dtype} of shape {data.shape}; wanted lists of numbers [{n}, {n}]")
    kept: Trials = np.empty((n, n), dtype=object)
    for (i, j), values in np.ndenumerate(whole(data)):
        numbers = np.asarray(values, dtype=np.float64)
        if np.isinf(numbers).any():
            raise SchemaError(f"{place}: {name}[{i}, {j}] holds infinite numbers; NaN says that nothing was measured")
        kept[i, j] = numbers[np.isfinite(numbers)]
    return kept


def _data(file: LinkedFile, name: str, place: Path) -> Any:
    group, _, last = name.rpartition("/")
    inside = file.find(group)
    if not hasattr(inside, "keys"):
        raise SchemaError(
            f"{place}: no group {group!r}{did_you_mean(group, sorted(file.file))}; wanted {' and '.join(STRAINS)}"
        )
    data = file.find(last, inside)
    if not hasattr(data, "dtype"):
        raise SchemaError(f"{place}: no data set {name!r}{did_you_mean(last, sorted(inside))}")
    return data
