"""Skeletons of every kind, their lengths against networkx, precomputed files against osteoid."""

from __future__ import annotations

import json
from pathlib import Path

import networkx as nx
import numpy as np
import osteoid
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.schema.errors import ReadError, SchemaError
from ingest.schema.space import Resolution
from ingest.skeletons import precomputed
from ingest.skeletons.files import root_id_of_file, swc_files
from ingest.skeletons.from_volumes import skeletonise
from ingest.skeletons.precomputed import read_precomputed
from ingest.skeletons.skeleton import Skeleton
from ingest.skeletons.swc import read_swc
from ingest.volumes.volume import Volume


class Held:
    """Voxels in memory, as a source."""

    resolution = Resolution(8, 8, 40)
    origin = grid = (2, 3, 4)
    chunk = (16, 16, 16)
    absent = ()
    fill_value = 0
    axes = "zyx"

    def __init__(self, data: np.ndarray) -> None:
        self.data, self.shape, self.dtype = data, data.shape, data.dtype

    def read(self, start, stop):
        return self.data[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]


@st.composite
def forests(draw: st.DrawFn) -> Skeleton:
    n = draw(st.integers(1, 40))
    parents = [draw(st.integers(-1, i - 1)) for i in range(n)]
    shuffled = np.array(draw(st.permutations(range(n))))
    seed = draw(st.integers(0, 2**32))
    back = np.argsort(shuffled)
    moved = np.array([-1 if parents[i] < 0 else back[parents[i]] for i in shuffled], dtype=np.int64)
    points = np.random.default_rng(seed).normal(size=(n, 3)) * 1000
    return Skeleton(7, np.arange(n, dtype=np.uint64) * 3, points, moved)


def graph_of(skeleton: Skeleton) -> nx.Graph:
    graph = nx.Graph()
    graph.add_nodes_from(range(len(skeleton)))
    for node, parent in enumerate(skeleton.parents.tolist()):
        if parent >= 0:
            apart = skeleton.points_nm[node] - skeleton.points_nm[parent]
            graph.add_edge(node, parent, weight=float(np.sqrt((apart**2).sum())))
    return graph


@given(forests())
@settings(deadline=None)
def test_lengths_and_order(skeleton: Skeleton) -> None:
    graph = graph_of(skeleton)
    assert skeleton.path_length_nm == pytest.approx(graph.size(weight="weight"))
    half = [sum(data["weight"] for *_, data in graph.edges(node, data=True)) / 2 for node in graph]
    assert skeleton.cable_nm == pytest.approx(half)
    seen: set[int] = {-1}
    for node in skeleton.order.tolist():
        assert int(skeleton.parents[node]) in seen
        seen.add(node)
    assert len(seen) == len(skeleton) + 1


@given(forests(), st.floats(0, 5000))
@settings(deadline=None)
def test_spaced_nodes_lie_apart_along_the_cable(skeleton: Skeleton, spacing: float) -> None:
    kept = set(skeleton.spaced(spacing).tolist())
    assert set(np.flatnonzero(skeleton.parents < 0).tolist()) <= kept
    edges = skeleton.edge_nm
    for node in range(len(skeleton)):
        if skeleton.parents[node] < 0:
            continue
        walked, at = edges[node], int(skeleton.parents[node])
        while at not in kept:
            walked, at = walked + edges[at], int(skeleton.parents[at])
        assert (node in kept) == (walked >= spacing)


def test_swc(tmp_path: Path) -> None:
    path = tmp_path / "42.swc"
    path.write_text("# made up\n5 1 0 0 0 2 -1\n\n7 3 3 4 0 1 5  # a branch\n6 2 0 0 2 1 5\n")
    skeleton = read_swc(path, 10)
    assert (skeleton.root_id, skeleton.node_ids.tolist()) == (42, [5, 7, 6])
    assert skeleton.parents.tolist() == [-1, 0, 0]
    assert skeleton.types is not None
    assert skeleton.types.tolist() == [1, 3, 2]
    assert skeleton.path_length_nm == 70
    assert skeleton.cable_nm.tolist() == [35, 25, 10]
    assert read_swc(path, (1, 1, 2), root_id=3).points_nm.tolist() == [[0, 0, 0], [3, 4, 0], [0, 0, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 0 0 0 0 1\n", "line 1: '1 0 0 0 0 1'; wanted id type x y z radius parent"),
        ("1 0 0 0 0 1 -1\n1 0 0 0 0 1 -1\n", "a node id is there twice"),
        ("1 0 0 0 0 1 9\n", "parent 9 is no node"),
        ("1 0 0 0 0 1 2\n2 0 0 0 0 1 1\n", "their own ancestors"),
        ("1 0 nan 0 0 1 -1\n", "not finite"),
    ],
)
def test_bad_swc(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "1.swc"
    path.write_text(text)
    with pytest.raises(SchemaError, match=message):
        read_swc(path, 1)
    with pytest.raises(SchemaError, match="wanted a positive length"):
        read_swc(path, 0)
    with pytest.raises(ReadError):
        read_swc(tmp_path / "2.swc", 1)


@pytest.mark.parametrize(
    ("text", "parents", "types"),
    [
        ("\ufeff1 0 0 0 0 1 -1\n2 0 1 0 0 1 1\n", [-1, 0], [0, 0]),
        ("1.0 1.0 0 0 0 1 -1.0\n2.0 3 1 0 0 1 1.0\n", [-1, 0], [1, 3]),
        ("1 1 0 0 0 1 0\n2 3 1 0 0 1 1\n", [-1, 0], [1, 3]),
        ("0 1 0 0 0 1 -1\n1 3 1 0 0 1 0\n", [-1, 0], [1, 3]),
        ("1 -1 0 0 0 1 -1\n2 -3 1 0 0 1 1\n", [-1, 0], [-1, -3]),
        ("1 0 0 0 0 1 -2\n2 0 1 0 0 1 1\n", [-1, 0], [0, 0]),
        ("18446744073709551615 0 0 0 0 1 -1\n2 0 1 0 0 1 18446744073709551615\n", [-1, 0], [0, 0]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_swc_as_tools_write_it(text: str, parents: list[int], types: list[int], encoding: str, tmp_path: Path) -> None:
    """A byte order mark, ids as decimals, 0 for no parent (only where no node is 0), negative types."""
    path = tmp_path / "7.swc"
    path.write_bytes(text.removeprefix("\ufeff").encode(encoding) if encoding == "utf-16" else text.encode())
    skeleton = read_swc(path, 1)
    assert (skeleton.parents.tolist(), skeleton.types.tolist()) == (parents, types)  # type: ignore[union-attr]


@pytest.mark.parametrize("row", ["1.5 0 0 0 0 1 -1", "1 2.7 0 0 0 1 -1", "1 inf 0 0 0 1 -1", "1 nan 0 0 0 1 -1",
                                 "18446744073709551616 0 0 0 0 1 -1", "-1 0 0 0 0 1 -1", "1 99999999999 0 0 0 1 -1",
                                 "1 0 0 0 0 1 2.5"])  # fmt: skip
def test_numbers_that_are_no_ids_are_refused(row: str, tmp_path: Path) -> None:
    (tmp_path / "7.swc").write_text(row + "\n")
    with pytest.raises(SchemaError, match="line 1"):
        read_swc(tmp_path / "7.swc", 1)


def test_names_of_files_are_root_ids_below_2_to_the_64(tmp_path: Path) -> None:
    assert [root_id_of_file(Path(name)) for name in ("5", "5.gz", "5.swc", "5.SWC.GZ", "18446744073709551615.swc")] == [
        5, 5, 5, 5, 2**64 - 1,
    ]  # fmt: skip
    for name in ("18446744073709551616.swc", "\u00b2.swc", "5.1.swc", "-5.swc", "a.swc", ".swc"):
        assert root_id_of_file(Path(name)) is None
    (tmp_path / "\u00b2.swc").write_text("1 0 0 0 0 1 -1\n")
    with pytest.raises(SchemaError, match="name is no root_id"):
        swc_files(tmp_path)
    with pytest.raises(SchemaError, match="name is no root_id"):
        read_swc(tmp_path / "\u00b2.swc", 1)


def write_precomputed(folder: Path, skeleton: osteoid.Skeleton, transform: list[float] | None = None) -> None:
    folder.mkdir(exist_ok=True)
    info = {"@type": "neuroglancer_skeletons", "vertex_attributes": []}
    if transform:
        info["transform"] = transform
    (folder / "info").write_text(json.dumps(info))
    (folder / str(skeleton.id)).write_bytes(skeleton.to_precomputed())


@given(forests())
@settings(deadline=None, max_examples=40)
def test_precomputed_against_osteoid(tmp_path_factory: pytest.TempPathFactory, skeleton: Skeleton) -> None:
    edges = [(node, parent) for node, parent in enumerate(skeleton.parents.tolist()) if parent >= 0]
    theirs = osteoid.Skeleton(
        skeleton.points_nm.astype(np.float32), np.array(edges, dtype=np.uint32).reshape(-1, 2), segid=11
    )
    folder = tmp_path_factory.mktemp("skeletons")
    write_precomputed(folder, theirs)
    ours = read_precomputed(folder, 11)
    assert np.array_equal(ours.points_nm, theirs.vertices)
    assert ours.path_length_nm == pytest.approx(float(theirs.cable_length()), rel=1e-4)
    assert {frozenset(edge) for edge in edges} == {
        frozenset((node, parent)) for node, parent in enumerate(ours.parents.tolist()) if parent >= 0
    }
    write_precomputed(folder, theirs, [2, 0, 0, 5, 0, 2, 0, 6, 0, 0, 2, 7])
    assert read_precomputed(folder, 11).points_nm == pytest.approx(theirs.vertices * 2.0 + [5, 6, 7])


@given(forests())
def test_what_is_written_is_what_osteoid_reads(tmp_path_factory: pytest.TempPathFactory, skeleton: Skeleton) -> None:
    folder = tmp_path_factory.mktemp("written") / "skeletons"
    assert precomputed.write_precomputed(folder, [skeleton]) == 1
    info = json.loads((folder / "info").read_text())
    theirs = osteoid.Skeleton.from_precomputed(
        (folder / str(skeleton.root_id)).read_bytes(), vertex_attributes=info["vertex_attributes"]
    )
    assert np.array_equal(theirs.vertices, skeleton.points_nm.astype(np.float32))
    edges = {frozenset((node, parent)) for node, parent in enumerate(skeleton.parents.tolist()) if parent >= 0}
    assert {frozenset(edge) for edge in theirs.edges.tolist()} == edges
    assert np.array_equal(theirs.radius, np.full(len(skeleton), -1, np.float32))
    ours = read_precomputed(folder, skeleton.root_id)
    assert np.array_equal(ours.points_nm, skeleton.points_nm.astype(np.float32))
    with pytest.raises(ReadError, match="exists; remove it"):
        precomputed.write_precomputed(folder, [skeleton])


def test_skeletons_are_written_all_or_none(tmp_path: Path) -> None:
    none = Skeleton(3, np.empty(0, np.uint64), np.empty((0, 3)), np.empty(0, np.int64))
    one = Skeleton(2, np.zeros(1, np.uint64), np.zeros((1, 3)), np.array([-1]), None, np.array([7.0]))
    with pytest.raises(SchemaError, match="skeleton 3 has no nodes"):
        precomputed.write_precomputed(tmp_path / "s", [one, none])
    assert not list(tmp_path.iterdir())


def test_bad_precomputed(tmp_path: Path) -> None:
    ring = osteoid.Skeleton(np.zeros((3, 3), np.float32), np.array([[0, 1], [1, 2], [2, 0]], np.uint32), segid=1)
    write_precomputed(tmp_path / "s", ring)
    with pytest.raises(SchemaError, match="close a ring"):
        read_precomputed(tmp_path / "s", 1)
    (tmp_path / "s" / "1").write_bytes(ring.to_precomputed()[:30])
    with pytest.raises(ReadError, match="is cut short: 30 bytes"):
        read_precomputed(tmp_path / "s", 1)
    with pytest.raises(ReadError, match="No such file"):
        read_precomputed(tmp_path / "s", 2)
    (tmp_path / "s" / "info").write_text('{"@type": "neuroglancer_skeletons", "sharding": {"a": 1}}')
    with pytest.raises(SchemaError, match="in shards"):
        read_precomputed(tmp_path / "s", 1)


ONE = osteoid.Skeleton(np.array([[0, 0, 0], [3, 4, 0]], np.float32), np.array([[0, 1]], np.uint32), segid=5)


@pytest.mark.parametrize(
    ("transform", "point"),
    [
        (None, [3, 4, 0]),
        ([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], [3, 4, 0]),
        ([[2, 0, 0, 1], [0, 2, 0, 1], [0, 0, 2, 1]], [7, 9, 1]),
        ([1, 2], None),
        ([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2], None),
        ("identity", None),
        ({"a": 1}, None),
        ([float("nan")] * 12, None),
        ([None] * 12, None),
    ],
)
def test_transforms_of_any_shape_are_read_or_refused(
    transform: object, point: list[int] | None, tmp_path: Path
) -> None:
    write_precomputed(tmp_path, ONE)
    (tmp_path / "info").write_text(json.dumps({"@type": "neuroglancer_skeletons", "transform": transform}))
    if point is None:
        with pytest.raises(SchemaError, match="transform .* wanted 12 numbers"):
            read_precomputed(tmp_path, 5)
    else:
        assert read_precomputed(tmp_path, 5).points_nm[1].tolist() == point


def test_attributes_belong_to_the_length_of_a_file(tmp_path: Path) -> None:
    attributes = [{"id": "radius", "data_type": "float32", "num_components": 1}]
    write_precomputed(tmp_path, ONE)
    data = (tmp_path / "5").read_bytes()[: 8 + 24 + 8]
    (tmp_path / "info").write_text(json.dumps({"@type": "neuroglancer_skeletons", "vertex_attributes": attributes}))
    (tmp_path / "5").write_bytes(data + bytes(7))
    with pytest.raises(ReadError, match="cut short: 47 bytes; wanted at least 48"):
        read_precomputed(tmp_path, 5)
    (tmp_path / "5").write_bytes(data + bytes(8))
    assert read_precomputed(tmp_path, 5).path_length_nm == 5
    for wrong in ([{"id": "radius"}], [{"data_type": "no", "num_components": 1}], ["radius"], 7):
        (tmp_path / "info").write_text(json.dumps({"@type": "neuroglancer_skeletons", "vertex_attributes": wrong}))
        with pytest.raises(SchemaError, match="vertex_attributes need"):
            read_precomputed(tmp_path, 5)


def test_a_made_skeleton_lies_in_its_segment() -> None:
    data = np.zeros((40, 48, 60), dtype=np.uint64)
    data[5:35, 20:28, 20:28] = 2**63 + 5
    data[20:24, 20:28, 5:55] = 2**63 + 5
    data[0:2, 0:3, 0:3] = 9
    volume = Volume("held", Held(data))
    skeletons = skeletonise(volume, dust_voxels=100, teasar={"const": 40, "scale": 1})
    assert [s.root_id for s in skeletons] == [2**63 + 5]
    (made,) = skeletons
    at = volume.voxels_of(made.points_nm)
    assert volume.holds(at).all()
    assert (data[tuple((at - volume.start).T)] == 2**63 + 5).all()
    extent = made.points_nm.max(axis=0) - made.points_nm.min(axis=0)
    assert extent[0] > 0.8 * 50 * 8
    assert extent[2] > 0.8 * 30 * 40
    assert made.path_length_nm > 1200
    with pytest.raises(SchemaError, match="holds float32"):
        skeletonise(Volume("em", Held(np.zeros((4, 4, 4), np.float32))))


def test_hemibrain_swc(real_data: Path) -> None:
    """Lengths of real neurons against osteoid's reader; hemibrain's files are in voxels of 8 nm."""
    for path in sorted((real_data / "hemibrain_navis5" / "swc").glob("*.swc"))[:2]:
        skeleton = read_swc(path, 8)
        theirs = osteoid.Skeleton.from_swc(path.read_text())
        assert len(skeleton) == len(theirs.vertices)
        assert skeleton.path_length_nm == pytest.approx(8 * float(theirs.cable_length()), rel=1e-5)
        assert skeleton.cable_nm.sum() == pytest.approx(skeleton.path_length_nm)
        assert 1e5 < skeleton.path_length_nm < 1e8
