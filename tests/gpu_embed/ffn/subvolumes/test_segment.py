from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gpu_embed.ffn.engines.pytorch import TorchFfnEngine
from gpu_embed.ffn.loop.movement import Restrictor
from gpu_embed.ffn.loop.seeds import Scene, seeds_of
from gpu_embed.ffn.settings import Floats
from gpu_embed.ffn.subvolumes.files import SubvolumeFile
from gpu_embed.ffn.subvolumes.segment import SegmentPlan, pieces_of, segment
from ingest.running.task_runners import Processes
from ingest.schema.errors import AnalysisError, GraphlabError, SchemaError, UnknownNameError, VersionError
from ingest.volumes.volume import open_volume


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_sub_volumes_are_those_of_each_alone(plan: SegmentPlan, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    done = segment(plan, progress=lambda *counts: told.append(counts))
    assert [piece.start for piece in done.pieces] == [(3, 20, 100), (3, 20, 120), (3, 38, 100), (3, 38, 120)]
    assert [path for path in content(plan.folder) if path.endswith(".npz")][:1] == ["100/20/seg-100_20_3.npz"]
    assert told[-1] == (4000, 4000)
    assert told == sorted(told)
    assert done.steps >= sum(o.steps for piece in done.pieces for o in piece.objects()) > 100
    assert done.objects >= 4
    assert 0 < done.labelled_voxels < done.voxels == 4 * 40 * 30 * 32
    for piece in done.pieces:
        alone = replace(plan, folder=tmp_path / piece.name, box=(piece.start, piece.stop), size=None)
        (one,) = segment(alone).pieces
        np.testing.assert_array_equal(one.labels(), piece.labels())
        assert one.objects() == piece.objects()


@pytest.mark.parametrize("workers", [2, Processes(2)])
def test_bytes_do_not_depend_on_workers_or_company(plan: SegmentPlan, tmp_path: Path, workers: object) -> None:
    segment(plan)
    other = replace(plan, folder=tmp_path / "others", together=3)
    done = segment(other, workers=workers)  # type: ignore[arg-type]
    assert content(other.folder) == content(plan.folder)
    assert done.finished_before == 0
    again = segment(other)
    assert (again.finished_before, again.steps, again.engine) == (4, 0, "")


class Stopped(Exception):
    pass


def test_a_stopped_run_goes_on_to_the_same_bytes(
    plan: SegmentPlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after every few steps until it is through, between objects and within them."""
    segment(replace(plan, probabilities=True))
    stopped = replace(plan, probabilities=True, folder=tmp_path / "stopped", save_every_s=0, together=2)
    call, left = TorchFfnEngine.call, [0]

    def until(engine: TorchFfnEngine, images: Floats, seeds: Floats) -> Floats:
        left[0] -= 1
        if left[0] < 0:
            raise Stopped
        return call(engine, images, seeds)

    monkeypatch.setattr(TorchFfnEngine, "call", until)
    runs = saved = 0
    while True:
        left[0] = 150 + runs  # an object must fit, as it is begun again
        runs += 1
        try:
            segment(stopped)
        except Stopped:
            saved += any(path.suffix == ".cpoint" for path in stopped.folder.rglob("*"))
            continue
        break
    assert runs > 2
    assert saved
    assert content(stopped.folder) == content(plan.folder)


def test_another_run_is_refused_in_the_same_folder(plan: SegmentPlan, grey_file: Path) -> None:
    first = replace(plan, size=None, box=((3, 20, 100), (13, 32, 114)))
    segment(first)
    with pytest.raises(VersionError, match="holds a run of another settings"):
        segment(replace(first, settings=replace(plan.used, move=0.75)))
    for more in ({"offset": (95, 20, 3)}, {"offset": (100, 20, 3), "axes": "xyz"}):
        with pytest.raises(VersionError, match="holds a run of another volume"):
            segment(replace(first, em=wrong("raw", grey_file, **more)))  # type: ignore[arg-type]


def test_chunks_that_are_not_there_are_told(plan: SegmentPlan, balls: Floats, tmp_path: Path) -> None:
    """By every worker that met them, and counted once; of masks, too."""
    tensorstore = pytest.importorskip("tensorstore")
    for name in ("em", "mask"):
        metadata = {"shape": [40, 48, 52], "chunks": [40, 24, 26], "dtype": "|u1"}
        spec = {"driver": "zarr", "kvstore": f"file://{tmp_path}/{name}/", "metadata": metadata}
        voxels = np.clip(np.round(balls * 33 + 128), 1, 255).astype(np.uint8) if name == "em" else 1
        tensorstore.open(spec, create=True).result().write(voxels).result()
        (tmp_path / name / "0.0.1").unlink()
    em, mask = (
        partial(open_volume, f"zarr://{tmp_path}/{name}", resolution=(8, 8, 8), offset=(0, 0, 0), axes="zyx")
        for name in ("em", "mask")
    )
    done = segment(replace(plan, em=em, exclude=mask, size=(40, 48, 30), overlap=(8, 8, 8)), workers=2)
    assert len(done.pieces) == 2
    assert done.notes == [
        f"1 chunks of zarr://{tmp_path}/{name} are not there: read as 0, the fill value" for name in ("em", "mask")
    ]


def test_seeds_lie_deepest_in_nm(plan: SegmentPlan, balls: Floats, grey_file: Path) -> None:
    """Where voxels are flat, so are the distances to edges that first voxels are chosen by."""
    em = wrong("raw", grey_file, resolution=(2, 2, 8), offset=(0, 0, 0))
    flat = replace(plan, em=em, size=None, box=((0, 0, 0), (40, 30, 32)), out_of_domain=True)  # type: ignore[arg-type]
    found = segment(flat).pieces[0].objects()
    image = plan.used.normalised(np.clip(np.round(balls * 33 + 128), 0, 255).astype(np.uint8)[:40, :30, :32])
    scene = Scene(image, np.zeros(image.shape, np.int32), Restrictor())
    deep, equal = (
        seeds_of("peaks", replace(scene, voxel=voxel), plan.architecture.margin)
        for voxel in ((8.0, 2.0, 2.0), (1.0, 1.0, 1.0))
    )
    assert deep != equal
    again = segment(replace(flat, folder=plan.folder / "again", seeds=tuple(deep))).pieces[0].objects()
    assert found == again
    assert found


def test_floats_of_another_scale(plan: SegmentPlan, grey_file: Path, tmp_path: Path) -> None:
    """0 to 1 where 0 to 255 is meant is refused; a network of such images, or a part that is 0, is not."""
    import h5py

    small = replace(plan, size=None, box=((3, 20, 100), (13, 32, 114)))
    with h5py.File(grey_file, "a") as file:
        file["unit"], file["black"] = file["floats"][...] / 255, np.zeros((40, 48, 52), np.float32)
        file["many"] = file["floats"][...] * 257
    for name, mean, refused in (("unit", 128, True), ("many", 128, True), ("raw", 0.5, True), ("black", 128, False),
                                ("unit", 0.5, False)):  # fmt: skip
        settings = replace(plan.used, mean=mean, std=33 if mean > 1 else 0.13)
        em = wrong(name, grey_file, offset=(100, 20, 3))
        one = replace(small, em=em, settings=settings, folder=tmp_path / f"{name} {mean}")  # type: ignore[arg-type]
        if refused:
            with pytest.raises(SchemaError, match=f"of at most .*; the settings want grey values of mean {mean}"):
                segment(one)
        else:
            segment(one)


def test_seeds_and_masks(plan: SegmentPlan, grey_file: Path, tmp_path: Path) -> None:
    whole = replace(plan, size=None)
    found = segment(whole).pieces[0].objects()
    places = tuple((o.start[0] + 3, o.start[1] + 20, o.start[2] + 100) for o in found)
    seeded = segment(replace(whole, folder=tmp_path / "seeded", seeds=places[::-1])).pieces[0]
    assert seeded.objects()[0].start == found[-1].start
    mask = partial(open_volume, f"{grey_file}:mask", resolution=(8, 8, 8), offset=(100, 20, 3))
    for name in ("exclude", "unseeded"):
        masked = segment(replace(whole, folder=tmp_path / name, **{name: mask})).pieces[0]
        assert masked.objects()
        assert all(o.start[0] >= 12 for o in masked.objects())


def wrong(source: str, grey_file: Path, **more: object) -> partial[object]:
    return partial(open_volume, f"{grey_file}:{source}", **{"resolution": (8, 8, 8), "offset": (0, 0, 0), **more})


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"box": ((3, 20, 100), (11, 60, 140))}, SchemaError, r"\[8, 40, 40\] voxels, smaller than the field of view"),
        ({"box": ((0, 20, 100), (11, 60, 140))}, SchemaError, "is not within"),
        ({"size": (8, 30, 32)}, SchemaError, "smaller than the field of view"),
        ({"overlap": (0, 0, 40)}, AnalysisError, "overlap by 0"),
        ({"seeds": ((3, 20, 100),)}, AnalysisError, r"seed \(0, 0, 0\) \(ZYX\): the field of view"),
        ({"engine": "tensorflow"}, UnknownNameError, "FFN engine 'tensorflow'"),
    ],
)
def test_plans_that_cannot_be(
    plan: SegmentPlan, change: dict[str, object], error: type[GraphlabError], said: str
) -> None:
    with pytest.raises(error, match=said):
        segment(replace(plan, **change))  # type: ignore[arg-type]


def test_volumes_that_cannot_be(plan: SegmentPlan, grey_file: Path, tmp_path: Path) -> None:
    import h5py

    with h5py.File(grey_file, "a") as file:
        file["holes"] = np.where(np.arange(52) == 30, np.nan, file["floats"][...])
    for source, more, error, said in (
        ("counts", {}, SchemaError, "holds uint16; wanted uint8"),
        ("holes", {}, SchemaError, "1,200 voxels of the image are NaN"),
        ("raw", {"resolution": (10, 10, 10)}, VersionError, "trained at .*8.* nm a voxel, .* has .*10"),
    ):
        with pytest.raises(error, match=said):
            segment(replace(plan, em=wrong(source, grey_file, **more), folder=tmp_path / source))  # type: ignore[arg-type]
    segment(replace(plan, em=wrong("raw", grey_file, resolution=(10, 10, 10)), size=None, out_of_domain=True))  # type: ignore[arg-type]
    with pytest.raises(SchemaError, match="wanted those of"):
        segment(replace(plan, exclude=wrong("mask", grey_file), folder=tmp_path / "mask"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("length", "size", "starts"), [(100, 40, [0, 30, 60]), (101, 40, [0, 30, 60, 61]), (40, 64, [0])]
)
def test_every_voxel_is_in_a_sub_volume(plan: SegmentPlan, length: int, size: int, starts: Sequence[int]) -> None:
    cut = replace(plan, size=(size, 99, 99), overlap=(10, 10, 10))
    found = list(pieces_of(cut, ((5, 0, 0), (5 + length, 40, 40))))
    assert [start[0] - 5 for start, _ in found] == list(starts)
    assert all(stop[0] - start[0] == min(size, length) for start, stop in found)
    assert found[-1][1] == (5 + length, 40, 40)


def test_a_finished_file_is_a_piece(plan: SegmentPlan) -> None:
    piece = segment(replace(plan, size=None)).pieces[0]
    assert isinstance(piece, SubvolumeFile)
    assert (piece.start, piece.stop) == ((3, 20, 100), (43, 68, 152))
    np.testing.assert_array_equal(piece.read((5, 25, 110), (15, 35, 120)), piece.labels()[2:12, 5:15, 10:20])
