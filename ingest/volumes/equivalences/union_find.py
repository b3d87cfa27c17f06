"""Disjoint sets: ``UnionFind`` with the calls and answers of ``connectomics.common.union_find``, and whole arrays.

64-bit ids live in arrays; ``Union`` only notes its pair, and many are united at once. Anything else that is hashable is
counted first, in a dict.

Tests: tests/ingest/volumes/equivalences/test_equivalences.py.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ingest.schema.errors import IdError, SchemaError
from ingest.volumes.equivalences.union_find_kernel import find, ids_of, place_of, unite
from ingest.volumes.labels.label_arrays import checked_labels

Ids = npt.NDArray[np.uint64]
PENDING = 1 << 20
"""Pairs that ``Union`` notes before they are united."""


class UnionFind:
    """Sets of things that were said to be one. What was never united is a set by itself and is not kept."""

    def __init__(self) -> None:
        self._table = np.zeros((1024, 2), np.uint64)
        self._parent = np.empty(512, np.int64)
        self._n = 0
        self._ids: Ids | None = None
        self._noted: list[Hashable] = []
        self._number: dict[Hashable, int] | None = None
        """Of things that are no 64-bit ids: the number that stands for each."""
        self._named: list[Hashable] = []

    def Union(self, a: Hashable, b: Hashable) -> None:
        """``a`` and ``b`` are in one set from now on."""
        self._noted.append(a)
        self._noted.append(b)
        if len(self._noted) >= 2 * PENDING:
            self._settle()

    def Find(self, a: Any) -> Any:
        """The representative of the set of ``a``; itself if it was never united with another."""
        self._settle()
        key = self._key(a)
        if key is None:
            return a
        found = int(self._find(np.array([key], np.uint64))[0])
        return a if found == key else self._thing(found)

    def IsSingleton(self, a: Any) -> bool:
        """Whether ``a`` was never united with another."""
        self._settle()
        key = self._key(a)
        return key is None or self._table[place_of(self._table, np.uint64(key)), 1] == 0

    def __bool__(self) -> bool:
        """Whether anything was united."""
        self._settle()
        return self._n > 0

    def union_pairs(self, pairs: npt.ArrayLike) -> None:
        """``Union`` of each row [n, 2] of ids, in order.

        Raises:
            IdError: no whole numbers, or below 0. SchemaError: another shape.
        """
        array = _ids(pairs, "pairs")
        if array.ndim != 2 or array.shape[1] != 2:
            raise SchemaError(f"pairs have shape {array.shape}; wanted [n, 2]")
        self._settle()
        if self._number is None:
            self._unite(array)
        else:
            self._unite_things(array.reshape(-1).tolist())

    def find_ids(self, ids: npt.ArrayLike) -> Ids:
        """``Find`` of each of many ids, uint64 of the same shape.

        Raises:
            IdError: no whole numbers, or things that are no ids were united.
        """
        self._settle()
        if self._number is not None:
            raise IdError("sets of things that are no ids; ask Find for each")
        array = _ids(ids, "ids")
        return self._find(array.reshape(-1)).reshape(array.shape)

    def members(self) -> tuple[Ids, Ids]:
        """Every id that was united with another, sorted, and the representative of each."""
        self._settle()
        if self._number is not None:
            raise IdError("sets of things that are no ids; ask Find for each")
        ids = np.sort(ids_of(self._table, self._n))
        return ids, self._find(ids)

    def _settle(self) -> None:
        if not self._noted:
            return
        noted, self._noted = self._noted, []
        if self._number is None:
            array = _as_ids(noted)
            if array is not None:
                self._unite(array.reshape(-1, 2))
                return
            self._count_things()
        self._unite_things(noted)

    def _unite(self, pairs: Ids) -> None:
        self._table, self._parent, self._n = unite(np.ascontiguousarray(pairs), self._table, self._parent, self._n)
        self._ids = None

    def _unite_things(self, things: Iterable[Hashable]) -> None:
        assert self._number is not None
        numbers = []
        for thing in things:
            number = self._number.setdefault(thing, len(self._named))
            if number == len(self._named):
                self._named.append(thing)
            numbers.append(number)
        self._unite(np.array(numbers, np.uint64).reshape(-1, 2))

    def _count_things(self) -> None:
        """From ids to numbers for things; the ids that are there are things from now on."""
        ids = ids_of(self._table, self._n)
        self._named = list(ids.tolist())
        self._number = {thing: number for number, thing in enumerate(self._named)}
        # Row r had id ids[r] and gets number r: only the table changes, the trees stand.
        table = np.zeros_like(self._table)
        for row in range(self._n):
            at = place_of(table, np.uint64(row))
            table[at] = row, row + 1
        self._table, self._ids = table, None

    def _find(self, keys: Ids) -> Ids:
        if self._ids is None:
            self._ids = ids_of(self._table, self._n)
        out = np.empty_like(keys)
        find(keys, self._table, self._parent, self._ids, out)
        return out

    def _key(self, thing: Any) -> int | None:
        """What stands for a thing in the table; None where it cannot be in it."""
        if self._number is not None:
            return self._number.get(thing)
        whole = isinstance(thing, int | np.integer) or (isinstance(thing, float) and thing.is_integer())
        return int(thing) if whole and 0 <= thing < 2**64 else None

    def _thing(self, key: int) -> Any:
        return key if self._number is None else self._named[key]


def groups(ids: npt.ArrayLike, representatives: npt.ArrayLike) -> Iterator[Ids]:
    """The sets of ``UnionFind.members``, each sorted, in the order of their representatives."""
    members, roots = _ids(ids, "ids"), _ids(representatives, "representatives")
    order = np.lexsort((members, roots))
    ends = np.flatnonzero(roots[order][1:] != roots[order][:-1]) + 1
    yield from np.split(members[order], ends) if members.size else ()


def _as_ids(things: list[Hashable]) -> Ids | None:
    """Many things as 64-bit ids; None unless all of them are."""
    if not all(isinstance(thing, int | np.integer) and thing >= 0 for thing in things):
        return None
    try:
        return np.array(things, np.uint64)
    except OverflowError:
        return None


def _ids(values: npt.ArrayLike, what: str) -> Ids:
    array = np.asarray(values)
    if array.size == 0:
        return array.astype(np.uint64)
    array = checked_labels(array, what=what)
    if array.dtype.kind == "i" and array.min() < 0:
        raise IdError(f"{what}: {array.min()} is below 0; ids are unsigned 64-bit numbers")
    return array.astype(np.uint64, copy=False)
