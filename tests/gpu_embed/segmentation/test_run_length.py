"""Expected run length: by hand, by the published definition edge after edge, and by cable of random points."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_embed.segmentation.run_length import run_length
from ingest.schema.errors import SchemaError
from ingest.skeletons.skeleton import Skeleton


def line(root_id: int, lengths: list[float]) -> Skeleton:
    """A cable with edges of these lengths."""
    x = np.cumsum([0.0, *lengths])
    points = np.stack([x, np.zeros_like(x), np.zeros_like(x)], axis=1)
    parents = np.arange(-1, len(x) - 1)
    return Skeleton(root_id, np.arange(len(x), dtype=np.uint64), points, parents)


def brute(skeletons: list[Skeleton], labels: list[int], tolerance: int) -> tuple[float, float]:
    """The sum over skeletons of L_s/L * sum over segments of l^2/L_s, edge by edge; and the same were all right."""
    of, starts = [], []
    for number, skeleton in enumerate(skeletons):
        starts.append(len(of))
        of += [number] * len(skeleton)
    covers: dict[int, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for number, label in zip(of, labels, strict=True):
        covers[label][number] += 1
    mergers = {s for s, by in covers.items() if s and sum(n > tolerance for n in by.values()) > 1}
    total = sum(skeleton.path_length_nm for skeleton in skeletons)
    found = best = 0.0
    for number, skeleton in enumerate(skeletons):
        own = skeleton.path_length_nm
        runs: dict[int, float] = defaultdict(float)
        for node, parent in enumerate(skeleton.parents.tolist()):
            a, b = labels[starts[number] + node], labels[starts[number] + parent]
            if parent >= 0 and a and a == b and a not in mergers:
                runs[a] += float(skeleton.edge_nm[node])
        if own:
            found += own / total * sum(run**2 / own for run in runs.values())
            best += own / total * own
    return found, best


@st.composite
def labelled(draw: st.DrawFn) -> tuple[list[Skeleton], list[int]]:
    skeletons = []
    for root_id in range(1, draw(st.integers(1, 4)) + 1):
        n = draw(st.integers(1, 7))
        parents = np.array([-1, *(draw(st.integers(-1, k - 1)) for k in range(1, n))])
        points = np.random.default_rng([root_id, n]).integers(0, 50, (n, 3)).astype(float)
        skeletons.append(Skeleton(root_id, np.arange(n, dtype=np.uint64), points, parents))
    size = sum(map(len, skeletons))
    return skeletons, draw(st.lists(st.sampled_from([0, 1, 2, 3, 2**64 - 1]), min_size=size, max_size=size))


@given(labelled(), st.integers(0, 3))
def test_it_is_the_published_sum(made: tuple[list[Skeleton], list[int]], tolerance: int) -> None:
    skeletons, labels = made
    found = run_length(skeletons, np.array(labels, dtype=np.uint64), merge_tolerance=tolerance)
    cable = sum(skeleton.path_length_nm for skeleton in skeletons)
    assert found.cable_nm == pytest.approx(cable)
    assert found.right_nm + found.split_nm + found.merged_nm + found.omitted_nm == pytest.approx(cable)
    if not cable:
        assert (found.erl_nm, found.nerl) == (None, None)
        return
    erl, best = brute(skeletons, labels, tolerance)
    assert found.erl_nm == pytest.approx(erl)
    assert found.largest_erl_nm == pytest.approx(best)
    assert found.nerl == pytest.approx(erl / best)


def test_a_cut_halves_and_a_merger_takes_all() -> None:
    two = [line(1, [10.0] * 4), line(2, [10.0] * 4)]
    whole = run_length(two, np.array([7] * 5 + [8] * 5))
    assert (whole.erl_nm, whole.nerl, whole.right_nm) == (40.0, 1.0, 80.0)
    # The second is cut between its third and fourth node: runs of 20 and 10 nm of 40.
    cut = run_length(two, np.array([7] * 5 + [8] * 3 + [9] * 2))
    assert cut.erl_nm == (40**2 + 20**2 + 10**2) / 80
    assert cut.split_nm == 10
    # One node of the second lies in the segment of the first: all of the first is lost, or that is forgiven.
    touched = np.array([7] * 5 + [8] * 4 + [7])
    lost = run_length(two, touched)
    assert (lost.mergers, lost.erl_nm, lost.merged_nm) == ((7,), 30**2 / 80, 40)
    forgiven = run_length(two, touched, merge_tolerance=1)
    assert (forgiven.mergers, forgiven.merge_tolerance, forgiven.erl_nm) == ((), 1, (40**2 + 30**2) / 80)


def test_cable_outside_is_told_apart() -> None:
    inside = np.array([True, True, True, False, False])
    found = run_length([line(1, [1.0, 2.0, 4.0, 8.0])], np.array([3, 3, 3, 0, 0]), inside=inside)
    assert (found.cable_nm, found.outside_nm, found.nerl) == (3.0, 12.0, 1.0)


def test_faults_are_refused() -> None:
    one = line(1, [1.0])
    with pytest.raises(SchemaError, match="3 labels for 2 nodes"):
        run_length([one], np.array([1, 1, 1]))
    with pytest.raises(SchemaError, match="there twice"):
        run_length([one, one], np.array([1, 1, 1, 1]))
    with pytest.raises(SchemaError, match="tolerance of -1"):
        run_length([one], np.array([1, 1]), merge_tolerance=-1)
    with pytest.raises(SchemaError, match="holds float64"):
        run_length([one], np.array([1.0, np.nan]))
