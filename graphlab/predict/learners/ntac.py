"""Types from the types of partners (NTAC, Nature Communications 17:1284), seeded by known labels.

A neuron's vector is the summed weight to each type and from each type. Every neuron without a label takes the type of
the most similar labelled one, by sum min(a, b) / (sum a + sum b - sum min(a, b)); vectors move towards those of the new
types, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import sparse

from graphlab.predict.inputs.examples import HIDDEN, Floats, Ints
from graphlab.predict.inputs.features import Inputs, RootIds
from graphlab.predict.inputs.wiring import CONNECTIONS
from graphlab.predict.predictor import Declared, Fitted, TrainingJournal, known_rows
from graphlab.predict.state import Array, State, array, integer_array, number, require
from ingest.schema.ids import rows_of

RATE = 0.5
"""How far vectors move towards those of the new types in a round."""
ROUNDS = 10
CHUNK = 1_024
"""Neurons whose similarity to each type is held at a time."""


@dataclass(frozen=True)
class PartnerTypes(Declared):
    """The type of the labelled neuron whose partners are of the most similar types; learns nothing else."""

    name: str = "ntac"
    tasks: frozenset[str] = frozenset({"node"})
    needs = frozenset({CONNECTIONS})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        rows = known_rows(known)
        return _Labelled(inputs.root_ids[inputs.source[rows]], known[rows], classes)

    def restore(self, state: State) -> Fitted:
        root_ids, label = array(state, "root_ids", np.uint64, 1), array(state, "typed", np.int64, 1)
        classes = number(state, "classes")
        require(len(label) == len(root_ids), "labels of some neurons are missing")
        require(bool(((label >= 0) & (label < classes)).all()), "a label is of no class")
        return _Labelled(root_ids, label, classes)

    def sentence(self) -> str:
        return (
            f"the type of the labelled neuron with the most similar partner types (NTAC), in {ROUNDS} rounds at most, "
            f"at a rate of {RATE:g}"
        )


@dataclass(frozen=True, eq=False)
class _Labelled:
    """The labels; the rounds are made on the wiring of whoever asks."""

    root_ids: RootIds
    """[k] of labelled neurons."""
    label: Ints
    classes: int

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        n, classes = len(inputs.root_ids), self.classes
        base = (np.bincount(self.label, minlength=classes) + 1.0) / (len(self.label) + classes)
        types = np.full(n, HIDDEN, dtype=np.int64)
        at = rows_of(inputs.root_ids, self.root_ids)
        types[at[at >= 0]] = self.label[at >= 0]
        known = np.flatnonzero(types != HIDDEN)
        asked = inputs.source[rows]
        if not len(known):
            return np.tile(base, (len(asked), 1))
        vectors = settled(list(inputs.layers.values()), types, known, classes)
        alike = similarity(vectors, asked, known, types[known], classes)
        total = alike.sum(axis=1, keepdims=True)
        return np.where(total > 0, np.divide(alike, total, where=total > 0, out=np.zeros_like(alike)), base)

    def state(self) -> dict[str, Array]:
        return {"root_ids": self.root_ids, "typed": self.label, "classes": integer_array(self.classes)}


def settled(layers: list[sparse.csr_array], types: Ints, known: Ints, classes: int) -> sparse.csr_array:
    """Vectors [n, 2 x layers x classes] after the last round, in which no type changed or the rounds were over.

    Args:
        types: [n] known types, ``HIDDEN`` elsewhere. known: whose they are.
    """
    types = types.copy()
    unknown = np.flatnonzero(types == HIDDEN)
    vectors = partner_types(layers, types, classes)
    for _ in range(ROUNDS):
        before = types.copy()
        for start in range(0, len(unknown), CHUNK):
            some = unknown[start : start + CHUNK]
            alike = similarity(vectors, some, known, before[known], classes)
            types[some] = np.where(alike.max(axis=1) > 0, alike.argmax(axis=1), HIDDEN)
        if np.array_equal(types, before):
            break
        vectors = sparse.csr_array((1 - RATE) * vectors + RATE * partner_types(layers, types, classes))
    return vectors


def partner_types(layers: list[sparse.csr_array], types: Ints, classes: int) -> sparse.csr_array:
    """[n, 2 x layers x classes] weight to each type, then from each type, layer by layer; partners without one are
    left out."""
    typed = np.flatnonzero(types != HIDDEN)
    member = sparse.csr_array((np.ones(len(typed)), (typed, types[typed])), shape=(len(types), classes))
    parts = []
    for weight in layers:
        above = weight.astype(np.float64).maximum(0)
        parts += [above @ member, above.T @ member]
    return sparse.csr_array(sparse.hstack(parts))


def similarity(vectors: sparse.csr_array, rows: Ints, known: Ints, types: Ints, classes: int) -> Floats:
    """[rows, classes] similarity to the most similar known neuron of each type, from 0 to 1.

    Args:
        known: neurons with a type; types: theirs.
    """
    ours, theirs = sparse.csr_array(vectors[rows]), sparse.csc_array(vectors[known])
    sums = np.asarray(vectors.sum(axis=1), dtype=np.float64).ravel()
    best = np.zeros((len(rows), classes))
    _most_similar(
        ours.indptr, ours.indices, ours.data, sums[rows], theirs.indptr, theirs.indices, theirs.data, sums[known],
        types, best,
    )  # fmt: skip
    return best


@njit(cache=True, nogil=True)
def _most_similar(start, column, value, sums, first, exemplar, amount, others, types, best):  # type: ignore[no-untyped-def]
    """Fills ``best`` [rows, classes].

    Args:
        start, column, value: rows by vector entries (CSR); sums [rows].
        first, exemplar, amount: exemplars by vector entries (CSC); others: their sums; types: theirs.
    """
    shared = np.zeros(len(others))
    touched = np.empty(len(others), np.int64)
    mark = np.zeros(len(others), np.bool_)
    for i in range(len(sums)):
        count = 0
        for k in range(start[i], start[i + 1]):
            x = value[k]
            for j in range(first[column[k]], first[column[k] + 1]):
                other = exemplar[j]
                if not mark[other]:
                    mark[other] = True
                    touched[count] = other
                    count += 1
                shared[other] += min(x, amount[j])
        for c in range(count):
            other = touched[c]
            total = sums[i] + others[other] - shared[other]
            if total > 0:
                best[i, types[other]] = max(best[i, types[other]], shared[other] / total)
            shared[other] = 0.0
            mark[other] = False
