"""Label volumes of odd shapes and any integer type, against Google's package and scikit-image.

Google's functions know no ids past 2^32 (RAG) or 2^53 (erosion), and make floats of int64 ids; there they are asked
about the same volume under small ids of one order, and the ids are put back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.running.task_runners import Threads
from ingest.schema.errors import AnalysisError, IdError, SchemaError
from ingest.volumes.labels import slabs as slabs_module
from ingest.volumes.labels.adjacency import adjacency, from_subvolume, merged
from ingest.volumes.labels.components import (
    all_components,
    components_of,
    get_border_ids,
    split_disconnected_components,
)
from ingest.volumes.labels.growth import create_boundary_mask_volume, erode, watershed_expand
from ingest.volumes.labels.internal_objects import biconnected_dfs, merge_internal_objects
from ingest.volumes.labels.relabeling import UnknownLabelError, are_equivalent, make_contiguous, relabel, sizes
from ingest.volumes.volume import open_volume

TYPES = ["uint8", "int16", "uint32", "int32", "int64", "uint64", "bool"]
IDS = {
    "uint8": [0, 1, 2, 255],
    "int16": [0, 1, -2, 2**15 - 1],
    "uint32": [0, 1, 7, 2**32 - 1],
    "int32": [0, 1, -7, 2**31 - 1],
    "int64": [0, 1, -(2**63), 2**63 - 1],
    "uint64": [0, 1, 2**53, 2**53 + 1, 2**64 - 1],
    "bool": [0, 1],
}


@pytest.fixture(scope="module")
def google() -> Any:
    pytest.importorskip("connectomics")
    from connectomics.common import graph_utils
    from connectomics.segmentation import labels, rag

    class Google:
        pass

    Google.labels, Google.rag, Google.graphs = labels, rag, graph_utils  # type: ignore[attr-defined]
    return Google


@st.composite
def volumes(
    draw: st.DrawFn, dimensions: tuple[int, ...] = (3,), types: tuple[str, ...] = tuple(TYPES), least: int = 0
) -> npt.NDArray[Any]:
    """Blocks and noise of a few ids, C, Fortran or strided; sides down to ``least``."""
    shape = draw(st.tuples(*[st.integers(least, 11)] * draw(st.sampled_from(dimensions))))
    dtype = draw(st.sampled_from(types))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    block = draw(st.integers(1, 4))
    few = rng.integers(0, len(IDS[dtype]), [-(-side // block) for side in shape])
    for axis in range(len(shape)):
        few = few.repeat(block, axis=axis)
    few = few[tuple(slice(side) for side in shape)]
    noise = rng.random(shape) < draw(st.sampled_from([0, 0.1, 0.5]))
    few = np.where(noise, rng.integers(0, len(IDS[dtype]), shape), few)
    found = np.array(IDS[dtype]).astype(dtype)[few] if dtype != "uint64" else np.array(IDS[dtype], np.uint64)[few]
    layout = draw(st.sampled_from("CFS"))
    if layout == "S":
        return found.repeat(2, axis=-1)[..., ::2]
    return np.array(found, order=layout)


def ranked(volume: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint64], npt.NDArray[Any]]:
    """Small ids of the same order, 0 as it is, and the old id of each."""
    ids = np.unique(np.append(volume, np.zeros(1, volume.dtype)))
    low: npt.NDArray[np.uint64] = np.searchsorted(ids, volume).astype(np.uint64)
    return low, ids


@contextmanager
def in_slabs() -> Iterator[None]:
    """Small volumes are searched in slabs as large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slabs_module, "SMALL", 0)
        yield


# -- renaming --


@given(volumes((1, 2, 3, 4)), st.randoms(use_true_random=False), st.sampled_from(["uint8", "int64", "uint64"]))
def test_relabel(google: Any, volume: npt.NDArray[Any], random: Any, new_type: str) -> None:
    old = np.unique(volume)
    if not volume.size:
        old = np.array([1], volume.dtype)
    old = np.concatenate([old[::-1], old])  # twice: the later one counts
    new = np.array([random.choice(IDS[new_type]) for _ in old], new_type)
    found = relabel(volume, old, new)
    assert found.dtype == new.dtype
    np.testing.assert_array_equal(found, google.labels.relabel(volume, old, new))


def test_relabel_goes_by_value_not_by_bits(google: Any) -> None:
    volume = np.array([2**64 - 1, 5], np.uint64)
    assert relabel(volume, [2**64 - 1, 5], [1, 2]).tolist() == [1, 2]
    with pytest.raises(UnknownLabelError, match="label 18446744073709551615 .* not among the orig_ids"):
        relabel(volume, np.array([-1, 5]), np.array([1, 2]))
    with pytest.raises(KeyError):
        google.labels.relabel(volume, np.array([-1, 5]), np.array([1, 2]))
    narrow = np.array([1, 2], np.uint8)
    assert relabel(narrow, np.array([257, 1, 2]), [9, 8, 7]).tolist() == [8, 7]


def test_relabel_refuses() -> None:
    volume = np.zeros((2, 2), np.uint8)
    with pytest.raises(SchemaError, match="2 orig_ids and 1 new_ids"):
        relabel(volume, [0, 1], [1])
    with pytest.raises(IdError, match="float64"):
        relabel(volume, np.array([0.0]), [1])
    with pytest.raises(IdError, match="float32"):
        relabel(volume.astype(np.float32), [0], [1])
    with pytest.raises(SchemaError, match="no integer type holds"):
        relabel(volume, [0, 1], [-1, 2**63])
    with pytest.raises(IdError, match="float64"):
        relabel(volume, [0.5], [1])


@given(volumes((1, 2, 3)))
def test_make_contiguous(google: Any, volume: npt.NDArray[Any]) -> None:
    low, pairs = make_contiguous(volume)
    expected, ids = ranked(volume)
    assert low.dtype == np.int64
    np.testing.assert_array_equal(low, expected.astype(np.int64))
    assert pairs == list(zip(ids, range(ids.size), strict=True))
    if volume.dtype.kind == "u" and volume.size:  # of signed ids Google makes floats
        theirs, their_pairs = google.labels.make_contiguous(volume)
        np.testing.assert_array_equal(low, theirs)
        assert low.dtype == theirs.dtype
        assert pairs == their_pairs
        assert [type(a) for a, _ in pairs] == [type(a) for a, _ in their_pairs]


@given(volumes((2, 3)), st.integers(0, 2**32), st.sampled_from(["same", "shuffled", "merged", "noise", "other type"]))
def test_are_equivalent(google: Any, volume: npt.NDArray[Any], seed: int, change: str) -> None:
    rng = np.random.default_rng(seed)
    low, ids = ranked(volume)
    other = {
        "same": volume,
        "shuffled": rng.permutation(2**40 + np.arange(ids.size))[low.astype(np.int64)],
        "merged": np.minimum(low, 1),
        "noise": np.where(rng.random(volume.shape) < 0.02, 0, low),
        "other type": low.astype(np.uint8),
    }[change]
    assert are_equivalent(volume, other) is google.labels.are_equivalent(volume, other)
    assert are_equivalent(other, volume) is google.labels.are_equivalent(other, volume)
    assert not are_equivalent(volume, other[None])


@given(volumes((1, 2, 3)))
def test_sizes(volume: npt.NDArray[Any]) -> None:
    ids, counts = sizes(volume)
    expected, expected_counts = np.unique(volume, return_counts=True)
    assert ids.dtype == volume.dtype
    np.testing.assert_array_equal(ids, expected)
    np.testing.assert_array_equal(counts, expected_counts)


def test_tables_grow() -> None:
    volume = np.random.default_rng(0).permutation(np.arange(5_000, dtype=np.uint64) << np.uint64(40)).reshape(50, 100)
    low, pairs = make_contiguous(volume)
    np.testing.assert_array_equal(np.array([old for old, _ in pairs])[low], volume)


# -- components --


def same_components(ours: npt.NDArray[Any], theirs: npt.NDArray[Any]) -> None:
    """To the bit, but for volumes one voxel thick in y or x: scikit-image turns their axes before it numbers."""
    if 1 in ours.shape[1:]:
        assert are_equivalent(ours, theirs)
        first = np.unique(ours[ours > 0], return_index=True)[1]
        assert np.all(np.diff(first) > 0)
    else:
        np.testing.assert_array_equal(ours, theirs)


@given(volumes((2, 3)), st.sampled_from([1, 2, 3, None]))
def test_split(google: Any, volume: npt.NDArray[Any], connectivity: int | None) -> None:
    if connectivity and connectivity > volume.ndim:
        connectivity = 1
    if volume.dtype.itemsize == 1:
        volume = volume.astype(np.uint16)  # past 255 components Google's numbers wrap
    found = split_disconnected_components(volume, connectivity)
    assert found.dtype == volume.dtype
    if volume.size:
        theirs = google.labels.split_disconnected_components(volume, connectivity)
        same_components(found, theirs)


@settings(max_examples=60)
@given(volumes(), st.sampled_from([1, 2, 3]), st.booleans(), st.integers(2, 5))
def test_components_by_slabs(volume: npt.NDArray[Any], connectivity: int, background: bool, workers: int) -> None:
    low = ranked(volume)[0]
    said: Any = {"background": background, "dtype": low.dtype}
    whole, count = components_of(low, connectivity, workers=1, **said)
    with in_slabs():
        slabs, in_all = components_of(low, connectivity, workers=Threads(workers), **said)
    assert count == in_all
    assert whole is not None
    np.testing.assert_array_equal(slabs, whole)


def test_split_refuses_what_it_cannot_number() -> None:
    board = np.indices((24, 24)).sum(axis=0) % 2 + 1
    with pytest.raises(AnalysisError, match="576 components do not fit uint8, which counts to 255"):
        split_disconnected_components(board.astype(np.uint8))
    assert split_disconnected_components(board.astype(np.uint16)).max() == 576
    with pytest.raises(AnalysisError, match="do not fit bool"):
        split_disconnected_components(board == 1)
    with pytest.raises(SchemaError, match="connectivity 3; wanted 1 to 2"):
        split_disconnected_components(board, 3)
    with pytest.raises(SchemaError, match="1 dimensions"):
        split_disconnected_components(board[0])


@given(volumes())
def test_every_component_and_those_at_the_border(google: Any, volume: npt.NDArray[Any]) -> None:
    numbers, count = all_components(volume)
    low, _ = ranked(volume)
    if volume.size:
        same_components(numbers, google.labels.split_disconnected_components(low + np.uint64(1)))
        assert count == numbers.max()
        for inplane in (False, True):
            assert get_border_ids(volume, inplane) == google.labels.get_border_ids(volume, inplane)
            # The order of a set of ids is part of what Google's later steps rest on.
            assert list(get_border_ids(numbers, inplane)) == list(google.labels.get_border_ids(numbers, inplane))
    else:
        assert (count, get_border_ids(volume)) == (0, set())


# -- neighbours --


@given(volumes())
def test_rag(google: Any, volume: npt.NDArray[Any]) -> None:
    found = from_subvolume(volume)
    low, ids = ranked(volume)
    expected = google.rag.from_subvolume(low) if volume.size else nx.Graph()
    assert list(found.nodes) == [ids[node] for node in expected] or set(found.nodes) == {ids[n] for n in expected}
    assert {frozenset((a, b)): d for a, b, d in found.edges(data="dim")} == {
        frozenset((ids[a], ids[b])): d for a, b, d in expected.edges(data="dim")
    }


@given(volumes(types=("uint64",), least=1))
def test_rag_in_their_order(google: Any, volume: npt.NDArray[Any]) -> None:
    low, _ = ranked(volume)
    found, expected = from_subvolume(low), google.rag.from_subvolume(low)
    assert {node: list(found[node]) for node in found} == {node: list(expected[node]) for node in expected}
    assert list(found) == list(expected)
    assert list(found.edges(data=True)) == list(expected.edges(data=True))


@given(volumes(), st.integers(1, 5))
def test_neighbours_by_slabs_and_boxes(volume: npt.NDArray[Any], workers: int) -> None:
    whole = adjacency(volume, 1)
    with in_slabs():
        slabs = adjacency(volume, Threads(workers))
    step = workers
    boxes = merged(
        (
            adjacency(volume[z : z + step + 1, y : y + step + 1, x : x + step + 1])
            for z in range(0, volume.shape[0], step)
            for y in range(0, volume.shape[1], step)
            for x in range(0, volume.shape[2], step)
        ),
        volume.dtype,
    )
    for other in (slabs, boxes):
        assert other.pairs.dtype == volume.dtype
        np.testing.assert_array_equal(whole.pairs, other.pairs)
        np.testing.assert_array_equal(whole.axes, other.axes)
    assert {tuple(pair) for pair in whole.undirected().tolist()} == {tuple(sorted(e)) for e in whole.graph().edges}


# -- growing and shrinking --


@given(volumes((2, 3), ("uint8", "uint32", "uint64")), st.integers(0, 4), st.integers(0, 60))
def test_erode(google: Any, volume: npt.NDArray[Any], radius: int, min_size: int) -> None:
    found = erode(volume, radius, min_size)
    assert found.dtype == volume.dtype
    low, ids = ranked(volume)
    if volume.size:
        expected = google.labels.erode(low, radius, min_size)
        np.testing.assert_array_equal(found, ids[expected.astype(np.int64)])
    else:
        assert found.shape == volume.shape


def test_erode_of_one_segment_without_space(google: Any) -> None:
    full = np.full((9, 9, 9), 2**60 + 1, np.uint64)
    np.testing.assert_array_equal(erode(full), full)
    with pytest.raises(SchemaError, match="below 0"):
        erode(np.array([[-1, 0]]))


@settings(max_examples=50)
@given(volumes(least=1), st.sampled_from([(1, 1, 1), (8, 8, 40)]), st.sampled_from([None, 0.0, 9.0]), st.booleans())
def test_watershed_expand(
    google: Any, volume: npt.NDArray[Any], size: tuple[int, int, int], far: float | None, masked: bool
) -> None:
    low, ids = ranked(volume)
    zero = int(np.searchsorted(ids, 0))
    low = np.where(low == zero, 0, low + np.uint64(1)).astype(np.uint64)
    mask = np.random.default_rng(volume.size).random(volume.shape) < 0.7 if masked else None
    before = None if mask is None else mask.copy()
    found, distances = watershed_expand(low, size, far, mask)
    if mask is not None:
        np.testing.assert_array_equal(mask, before)  # Google's changes it
    expected, expected_distances = google.labels.watershed_expand(low, size, far, None if mask is None else mask.copy())
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(distances, expected_distances)
    assert (found.dtype, distances.dtype) == (expected.dtype, expected_distances.dtype)
    # The flood knows ids by their order alone.
    if volume.dtype == np.uint64:
        exact, _ = watershed_expand(volume, size, far, mask)
        np.testing.assert_array_equal(exact, np.append(ids, ids[-1:])[np.maximum(found.astype(int) - 1, 0)])


def test_nothing_to_grow() -> None:
    grown, distances = watershed_expand(np.empty((0, 3, 3), np.uint32), (1, 1, 1))
    assert (grown.shape, grown.dtype, distances.shape) == ((0, 3, 3), np.uint64, (0, 3, 3))
    with pytest.raises(SchemaError, match="mask has shape"):
        watershed_expand(np.ones((1, 1, 1), np.uint8), (1, 1, 1), None, np.ones((2, 1, 1), bool))


@given(st.tuples(*[st.integers(0, 6)] * 3), st.tuples(*[st.integers(0, 7)] * 3), st.tuples(*[st.integers(0, 7)] * 3))
def test_boundary_mask(google: Any, shape: Any, before: Any, after: Any) -> None:
    expected = google.labels.create_boundary_mask_volume(shape, before, after)
    np.testing.assert_array_equal(create_boundary_mask_volume(shape, before, after), expected)


# -- objects inside others --


@given(st.integers(0, 2**32), st.integers(1, 30), st.floats(0.5, 2.5))
def test_biconnected_components_and_what_is_merged(google: Any, seed: int, nodes: int, density: float) -> None:
    graph = nx.gnm_random_graph(nodes, int(nodes * density / 2), seed=seed)
    rng = np.random.default_rng(seed)
    starts = set(rng.integers(0, nodes, rng.integers(0, 4)).tolist())
    found, cuts = biconnected_dfs(graph, starts)
    expected, expected_cuts = google.graphs.biconnected_dfs(graph, starts)
    assert (found, cuts) == (expected, expected_cuts)
    assert cuts == set(nx.articulation_points(graph))
    assert sorted(map(sorted, found)) == sorted(map(sorted, nx.biconnected_components(graph)))
    todo = [index for index in range(len(found)) if rng.random() < 0.8]
    merged_ones = merge_internal_objects(list(found), cuts, todo)
    theirs = google.labels.merge_internal_objects(expected, expected_cuts, todo)
    assert list(merged_ones.items()) == list(theirs.items())


# -- a real segmentation --


def test_mouse_cortex_at_32_nm(google: Any, real_data: Path) -> None:
    """A published segmentation: the calls in a row, each equal to Google's."""
    volume = open_volume(f"precomputed://{real_data / 'precomputed_seg_sample'}", prefer=(32, 32, 40))
    seg = volume.read((40, 50, 60), (88, 146, 156)).astype(np.uint64)
    ids = np.unique(seg)
    assert ids.size > 30
    split = split_disconnected_components(seg)
    np.testing.assert_array_equal(split, google.labels.split_disconnected_components(seg))
    low, pairs = make_contiguous(split)
    their_low, their_pairs = google.labels.make_contiguous(split)
    np.testing.assert_array_equal(low, their_low)
    assert pairs == their_pairs
    shuffled = np.random.default_rng(0).permutation(ids)
    np.testing.assert_array_equal(relabel(seg, ids, shuffled), google.labels.relabel(seg, ids, shuffled))
    assert are_equivalent(seg, relabel(seg, ids, shuffled))
    found, expected = from_subvolume(seg), google.rag.from_subvolume(seg)
    assert list(found.edges(data=True)) == list(expected.edges(data=True))
    eroded = erode(seg, 1)
    np.testing.assert_array_equal(eroded, google.labels.erode(seg, 1))
    for ours, theirs in zip(
        watershed_expand(eroded, (32, 32, 40), 100),
        google.labels.watershed_expand(eroded, (32, 32, 40), 100),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)
    assert get_border_ids(seg) == google.labels.get_border_ids(seg)
