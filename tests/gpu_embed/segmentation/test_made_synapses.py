"""Contacts: as walking along every line finds them; made synapses lie on them, by seed, and say that they are made."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_embed.segmentation.made_synapses import contacts, made_synapses
from ingest.schema.errors import SchemaError
from ingest.schema.space import Resolution

SIZE = Resolution(4.0, 8.0, 40.0)


def brute(labels: np.ndarray, start: tuple[int, int, int], reach: float) -> Counter[tuple[object, ...]]:
    found: Counter[tuple[object, ...]] = Counter()
    size = SIZE.xyz[::-1]
    for place in itertools.product(*map(range, labels.shape)):
        if not labels[place]:
            continue
        for axis in range(3):
            other = list(place)
            other[axis] += 1
            while other[axis] < labels.shape[axis] and not labels[tuple(other)]:
                other[axis] += 1
            if other[axis] == labels.shape[axis] or labels[tuple(other)] == labels[place]:
                continue
            if (other[axis] - place[axis] - 1) * size[axis] <= reach:
                middle = [((a + b) / 2 + s + 0.5) * n for a, b, s, n in zip(place, other, start, size, strict=True)]
                a, b = sorted((int(labels[place]), int(labels[tuple(other)])))
                area = size[0] * size[1] * size[2] / size[axis]
                found[(a, b, *np.round(middle[::-1], 6), round(area, 6))] += 1
    return found


@settings(max_examples=30)
@given(st.integers(0, 2**31), st.sampled_from([0.0, 4.0, 8.0, 80.0]))
def test_contacts_are_those_of_every_line(seed: int, reach: float) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.array([0, 0, 1, 7, 2**64 - 1], dtype=np.uint64), (4, 5, 6))
    found = contacts(labels, (10, -3, 2), SIZE, reach)
    rows = zip(found.one.tolist(), found.other.tolist(), found.points_nm.round(6).tolist(),
               found.area_nm2.round(6).tolist(), strict=True)  # fmt: skip
    assert Counter((a, b, *point, area) for a, b, point, area in rows) == brute(labels, (10, -3, 2), reach)


def test_synapses_lie_on_contacts_and_say_that_they_are_made() -> None:
    labels = np.zeros((6, 30, 40), dtype=np.uint64)
    labels[:, :14], labels[:, 16:, :20], labels[:, 16:, 22:] = 5, 2**63, 9
    found = contacts(labels, (0, 0, 0), SIZE, 16.0)
    assert len({*zip(found.one.tolist(), found.other.tolist(), strict=True)}) == 3
    made = made_synapses(found, np.random.default_rng(3), 2000.0)
    again = made_synapses(found, np.random.default_rng(3), 2000.0)
    assert made.equals(again)
    assert not made.equals(made_synapses(found, np.random.default_rng(4), 2000.0))
    assert set(made["neuropil"].to_pylist()) == {"made"}
    points = {tuple(point): {a, b} for a, b, point in zip(found.one.tolist(), found.other.tolist(),
                                                          found.points_nm.tolist(), strict=True)}  # fmt: skip
    rows = made.to_pylist()
    assert len({(row["x_nm"], row["y_nm"], row["z_nm"]) for row in rows}) == len(rows) > 20
    for row in rows:
        assert points[row["x_nm"], row["y_nm"], row["z_nm"]] == {row["pre_root_id"], row["post_root_id"]}
    ways = {(row["pre_root_id"], row["post_root_id"]) for row in rows}
    assert not {(b, a) for a, b in ways} & ways, "a pair has one way round"
    assert made_synapses(found, np.random.default_rng(3), 0.0).num_rows == 0


def test_nothing_touches_and_faults() -> None:
    nothing = contacts(np.zeros((3, 3, 3), np.uint8), (0, 0, 0), SIZE, 100.0)
    assert made_synapses(nothing, np.random.default_rng(0), 1.0).num_rows == 0
    with pytest.raises(SchemaError, match="reach of -1"):
        contacts(np.zeros((3, 3, 3), np.uint8), (0, 0, 0), SIZE, -1)
    with pytest.raises(SchemaError, match="holds float64"):
        contacts(np.zeros((3, 3, 3)), (0, 0, 0), SIZE, 1)
    with pytest.raises(SchemaError, match="wanted 0 or more"):
        made_synapses(nothing, np.random.default_rng(0), -1.0)
