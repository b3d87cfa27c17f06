"""Verbs that segment volumes: segment.

Tests: tests/graphlab/commands/segmentation/test_segmenting.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import Json, NoProgress, Quiet, outside, voxels_of, workers_of

if TYPE_CHECKING:
    from gpu_embed.ffn.architecture import Zyx
    from gpu_embed.ffn.subvolumes.segment import Segmented

SHOWN = ("finished_before", "steps", "seconds", "engine", "objects", "labelled_voxels", "voxels", "notes")


def segment(
    em: Annotated[str, typer.Argument(metavar="EM", help="precomputed://, zarr://, n5://, FILE.h5:DATA, a folder.")],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", callback=outside, help="For sub-volumes, seg-x_y_z.npz; kept.")
    ],
    checkpoint: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="FFN as .safetensors, or a checkpoint of TensorFlow or flax with --settings."
        ),
    ],
    settings: Annotated[
        str | None, typer.Option(help="Published settings: fib25, liconn; default: the card's.")
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Also one segmentation of all: precomputed://PLACE, zarr://PLACE."),
    ] = None,
    box: Annotated[str | None, typer.Option(metavar="X,Y,Z:X,Y,Z", help="First voxel and end; default: all.")] = None,
    subvolume: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Voxels of sub-volumes; default: one of all.")
    ] = None,
    overlap: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Voxels that neighbours share; default: a field of view.")
    ] = None,
    seeds: Annotated[
        str | None, typer.Option(help="Policy: peaks, fill, grid-3d(step=8), ...; reversed:A+B: one after the other.")
    ] = None,
    seeds_from: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Start where an earlier run's objects did, the last first.")
    ] = None,
    seed: Annotated[
        list[str] | None, typer.Option(metavar="X,Y,Z", help="Start there and nowhere else; several times.")
    ] = None,
    exclude: Annotated[
        str | None, typer.Option(metavar="URL", help="Volume above 0 where the field of view is not centred.")
    ] = None,
    unseeded: Annotated[str | None, typer.Option(metavar="URL", help="Volume above 0 where no object starts.")] = None,
    move: Annotated[float | None, typer.Option(help="Least probability of a voxel to move to.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Least probability of a voxel of an object.")] = None,
    least_voxels: Annotated[int | None, typer.Option(help="Smaller objects are not kept.", min=0)] = None,
    probabilities: Annotated[bool, typer.Option("--probabilities", help="Also seg-x_y_z.prob.")] = False,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel; chooses the scale.")] = None,
    offset: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="First voxel, where the format has no word for it.")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="Order of the axes, where a format does not name them: zyx.")] = None,
    engine: Annotated[str, typer.Option(help="auto, torch, openvino.")] = "auto",
    precision: Annotated[str, typer.Option(help="fp32, tf32, fp16, bf16.")] = "fp32",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    batch: Annotated[int | None, typer.Option(help="Fields of view in a call; default: 1, 32 on a GPU.")] = None,
    together: Annotated[
        int | None, typer.Option(help="Sub-volumes at a time; default: as many as the batch.", min=1)
    ] = None,
    save_every: Annotated[float, typer.Option(metavar="SECONDS", help="Save unfinished sub-volumes.", min=0)] = 300.0,
    workers: Annotated[
        Any,
        typer.Option(
            metavar="N|ray|ray:HOST:PORT",
            parser=workers_of,
            help="Over sub-volumes, each with an engine: threads, or processes of a Ray cluster that sees FOLDER.",
        ),
    ] = "1",
    out_of_domain: Annotated[
        bool, typer.Option("--out-of-domain", help="Segment voxels of a size the network was not trained at.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Segment an EM volume by a flood-filling network; stopped, it goes on where it was, to the same bytes."""
    from functools import partial

    from gpu_embed.ffn.checkpoint import open_ffn
    from gpu_embed.ffn.engines.protocol import FfnEngineOptions
    from gpu_embed.ffn.settings import FfnSettings
    from gpu_embed.ffn.subvolumes import segment as run
    from gpu_embed.ffn.subvolumes.label_volume import check_target
    from gpu_embed.segmentation.boxes import parse_box
    from graphlab.commands.terminal import print_json, progress_bars
    from ingest.volumes.volume import open_volume

    if output:
        check_target(output)
    loaded = open_ffn(checkpoint, settings)
    changed = {"seeds": seeds, "move": move, "segment": threshold, "least_voxels": least_voxels}
    given = {name: value for name, value in changed.items() if value is not None}
    used = FfnSettings.from_json({**loaded.card.settings.to_json(), **given})
    options: dict[str, Any] = {"offset": voxels_of(offset, "--offset"), "axes": axes}
    opened = partial(open_volume, em, resolution=resolution, **options)
    masks = {"resolution": resolution or opened().resolution, **options}
    plan = run.SegmentPlan(
        opened,
        loaded,
        folder,
        used,
        None if box is None else parse_box(box),
        _zyx(subvolume, "--subvolume"),
        _zyx(overlap, "--overlap"),
        partial(open_volume, exclude, **masks) if exclude else None,
        partial(open_volume, unseeded, **masks) if unseeded else None,
        None if not seed else tuple(place for text in seed if (place := _zyx(text, "--seed"))),
        probabilities,
        engine,
        FfnEngineOptions(precision, device, batch),
        together,
        save_every,
        out_of_domain,
        seeds_from,
    )
    runner = workers if isinstance(workers, int) else workers.for_networks(device)
    with progress_bars(off=no_progress or quiet or json) as bars:
        done = run.segment(plan, workers=runner, progress=bars("following objects"))
        one = run.write_one(done.pieces, output, opened().resolution, bars("making one of all")) if output else None
    if json:
        shown = {name: getattr(done, name) for name in SHOWN}
        print_json({**shown, "objects_of_all": None if one is None else one.objects, "output": output})
    elif not quiet:
        _print(done)
        if one is not None:
            differ = f"{one.disagreeing_voxels:,} voxels in which neighbours differ"
            typer.echo(f"{output}: {one.objects:,} objects; {differ}")


def _print(done: Segmented) -> None:
    before = f", {done.finished_before:,} finished before" if done.finished_before else ""
    labelled = f"{done.labelled_voxels:,} of {done.voxels:,} voxels labelled"
    typer.echo(f"{len(done.pieces):,} sub-volumes{before}: {done.objects:,} objects, {labelled}")
    if done.steps:
        rate = f"{done.steps_per_s:,.2f} a second"
        typer.echo(f"  {done.steps:,} fields of view in {done.seconds:,.1f} s ({rate}) by {done.engine}")
    for note in done.notes:
        typer.echo(f"  - {note}")


def _zyx(text: str | None, flag: str) -> Zyx | None:
    given = voxels_of(text, flag)
    return None if given is None else (given[2], given[1], given[0])
