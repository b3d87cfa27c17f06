"""The leading eigenvalue of a signed wiring with its right and left vectors, real or a complex pair.

Tests: tests/graphlab/circuits/flow/test_influence.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import AnalysisError

if TYPE_CHECKING:
    from scipy import sparse

Floats = npt.NDArray[np.float64]
DENSE = 250
"""Neurons up to which the eigenvalues are those of the dense matrix."""
APART = 1e-6
"""Relative distance of the next eigenvalue, below which the leading mode is not told from others."""
MOST_RESTARTS = 500
ROUNDING = 1e-9
"""Of the size of the largest eigenvalue: a real part below is none."""


@dataclass(frozen=True, eq=False)
class Leading:
    """The eigenvalue with the largest real part."""

    value: complex
    """Imaginary part above 0 where it is one of a pair."""
    right: npt.NDArray[np.complex128] | None
    """[n]; None where several eigenvalues share the place, or the matrix has no such mode of its own."""
    left: npt.NDArray[np.complex128] | None

    @property
    def paired(self) -> bool:
        return self.value.imag != 0.0

    def part(self, columns: Floats) -> Floats:
        """What columns [n, k] hold of the mode: v (u.x) / (u.v), with its twin where it is one of a pair."""
        return self.resolved(columns, 1.0 + 0.0j)

    def resolved(self, columns: Floats, by: complex) -> Floats:
        """The same, divided by a number of the eigenvalue."""
        assert self.right is not None
        assert self.left is not None
        along = (self.left @ columns) / (self.left @ self.right) / by
        whole = np.multiply.outer(self.right, along)
        return np.asarray(2.0 * whole.real if self.paired else whole.real)


def leading(matrix: sparse.csr_array) -> Leading:
    """Of a matrix with cycles.

    Raises:
        AnalysisError: an iteration that does not settle.
    """
    if matrix.shape[0] <= DENSE:
        return _dense(matrix.toarray())
    (value,), right = _largest(matrix)
    values, left = _largest(matrix.T.tocsr())
    v, u = right[:, 0], left[:, 0]
    value = complex(value)
    if abs(value.imag) <= ROUNDING * abs(value):
        value, v, u = complex(value.real), _real(v), _real(u)
    elif value.imag < 0:
        value, v = value.conjugate(), v.conj()
    if value.imag and values[0].imag < 0:
        u = u.conj()
    if abs(u @ v) < ROUNDING * np.linalg.norm(u) * np.linalg.norm(v) or _shared(matrix, value.real):
        return Leading(value, None, None)
    return Leading(value, v, u)


def scaled(found: Leading, by: float) -> Leading:
    """Of the matrix times a number above 0."""
    return Leading(found.value * by, found.right, found.left)


def largest(matrix: sparse.csr_array) -> complex:
    """The eigenvalue with the largest real part alone."""
    if matrix.shape[0] <= DENSE:
        values = np.linalg.eigvals(matrix.toarray())
        return complex(values[np.argmax(values.real)])
    return complex(_largest(matrix)[0][0])


def circles(matrix: sparse.csr_array) -> sparse.csr_array:
    """What joins neurons that reach each other: the same eigenvalues but 0, without those that rounding makes of 0."""
    from scipy.sparse.csgraph import connected_components

    _, group = connected_components(matrix, directed=True, connection="strong")
    several = np.flatnonzero(np.bincount(group)[group] > 1)
    part = matrix[several][:, several].tocoo()
    inside = group[several]
    part.data[inside[part.row] != inside[part.col]] = 0.0
    found = part.tocsr()
    found.eliminate_zeros()
    return found


def _dense(matrix: Floats) -> Leading:
    values, vectors = np.linalg.eig(matrix)
    others, lefts = np.linalg.eig(matrix.T)
    size = float(np.abs(values).max())
    first = int(np.lexsort((-values.imag, -np.round(values.real / size, 9)))[0])
    value = complex(values[first])
    if abs(value.imag) <= ROUNDING * size:
        value = complex(value.real)
    near = int((values.real > value.real - APART * size).sum())
    v, u = vectors[:, first], lefts[:, int(np.argmin(np.abs(others - value)))]
    if near != (2 if value.imag else 1) or abs(u @ v) < ROUNDING * np.linalg.norm(u) * np.linalg.norm(v):
        return Leading(value, None, None)
    if not value.imag:
        v, u = _real(v), _real(u)
    return Leading(value, v.astype(np.complex128), u.astype(np.complex128))


def _shared(matrix: sparse.csr_array, largest: float) -> bool:
    """Whether several groups of neurons that reach each other have that eigenvalue; within one it stands alone."""
    from scipy.sparse.csgraph import connected_components

    _, group = connected_components(matrix, directed=True, connection="strong")
    sizes = np.bincount(group)
    size = abs(matrix)
    # No eigenvalue of a group is above its largest row or column sum.
    rows, columns = (np.asarray(size.sum(axis=axis), dtype=np.float64).ravel() for axis in (0, 1))
    bounds = _bounds(rows, columns, group, len(sizes))
    candidates = np.flatnonzero((sizes > 1) & (bounds >= largest * (1 - APART)))
    have = 0
    for one in candidates if len(candidates) > 1 else ():
        inside = np.flatnonzero(group == one)
        part = matrix[inside][:, inside]
        top = np.linalg.eigvals(part.toarray()).real.max() if len(inside) <= DENSE else _largest(part)[0][0].real
        have += bool(top >= largest * (1 - APART))
    return have > 1


def _bounds(rows: Floats, columns: Floats, group: npt.NDArray[np.integer], count: int) -> Floats:
    most = np.zeros((2, count))
    for at, sums in enumerate((rows, columns)):
        np.maximum.at(most[at], group, sums)
    return np.asarray(most.min(axis=0))


def _real(vector: npt.NDArray[np.complex128]) -> npt.NDArray[np.complex128]:
    """A real vector without the phase that it was found with; its largest entry above 0."""
    largest = vector[np.argmax(np.abs(vector))]
    return np.asarray((vector * (largest.conjugate() / abs(largest))).real.astype(np.complex128))


def _largest(matrix: Any) -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """The eigenvalue of largest real part and its right vector, each an array of one."""
    from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs

    n = matrix.shape[0]
    try:
        values, vectors = eigs(matrix, k=1, which="LR", v0=np.ones(n), ncv=24, maxiter=MOST_RESTARTS)
    except (ArpackNoConvergence, ArpackError) as error:
        raise AnalysisError(
            f"the largest eigenvalue of the wiring is not settled ({str(error).splitlines()[0]}); take a "
            "min_weight, or within= for the part that is meant"
        ) from None
    return np.asarray(values[:1], dtype=np.complex128), np.asarray(vectors[:, :1], dtype=np.complex128)
