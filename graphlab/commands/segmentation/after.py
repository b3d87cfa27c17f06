"""Verbs from a segmentation to a graph: skeletonise, make-synapses.

Tests: tests/test_ffn_page.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import Json, Seed, outside, table, voxels_of

Segmentation = Annotated[
    str, typer.Argument(metavar="SEGMENTATION", help="precomputed://, zarr://, n5://, FILE.h5:DATA, a folder.")
]
SizeOption = Annotated[
    str | None, typer.Option("--resolution", metavar="X,Y,Z", help="nm per voxel; chooses the scale.")
]
Offset = Annotated[str | None, typer.Option(metavar="X,Y,Z", help="First voxel, where the format has no word for it.")]
Axes = Annotated[str | None, typer.Option(help="Order of the axes, where a format does not name them: zyx.")]
Box = Annotated[str | None, typer.Option(metavar="X,Y,Z:X,Y,Z", help="First voxel and end; default: all.")]


def skeletonise(
    segmentation: Segmentation,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", callback=outside, help="New, precomputed skeletons.")],
    least_voxels: Annotated[int, typer.Option(help="Smaller segments get none.", min=0)] = 1000,
    scale: Annotated[float, typer.Option(help="TEASAR: how far around the cable, in radii.")] = 1.5,
    const: Annotated[float, typer.Option(metavar="NM", help="TEASAR: and so much more.")] = 300.0,
    box: Box = None,
    resolution: SizeOption = None,
    offset: Offset = None,
    axes: Axes = None,
    json: Json = False,
) -> None:
    """Make skeletons of segments (TEASAR, by kimimaro); the volume or box is read into memory at once."""
    from gpu_embed.segmentation.boxes import parse_box
    from graphlab.commands.terminal import print_json
    from ingest.skeletons.from_volumes import skeletonise as made_of
    from ingest.skeletons.precomputed import require_new, write_precomputed
    from ingest.volumes.volume import open_volume

    require_new(folder)
    volume = open_volume(segmentation, resolution=resolution, offset=voxels_of(offset, "--offset"), axes=axes)
    part = None if box is None else parse_box(box)
    found = made_of(volume, dust_voxels=least_voxels, teasar={"scale": scale, "const": const}, box=part)
    write_precomputed(folder, found)
    nodes, cable = sum(map(len, found)), sum(one.path_length_nm for one in found)
    notes = [note for note in [volume.note()] if note]
    if json:
        about = {"skeletons": len(found), "nodes": nodes, "cable_nm": cable, "folder": str(folder), "notes": notes}
        print_json(about)
    else:
        typer.echo(f"{folder}: {len(found):,} skeletons, {nodes:,} nodes, {cable / 1000:,.1f} um of cable")
        for note in [f"segments of fewer than {least_voxels:,} voxels have none", *notes]:
            typer.echo(f"  - {note}")


def make_synapses(
    segmentation: Segmentation,
    output: Annotated[Path, typer.Argument(metavar="FILE", callback=table, help=".parquet, .csv, .feather, ...")],
    reach: Annotated[float, typer.Option(metavar="NM", help="Unlabelled width that may lie between.")] = 100.0,
    density: Annotated[float, typer.Option(help="Synapses a square micrometre of contact, on average.")] = 1.0,
    box: Box = None,
    resolution: SizeOption = None,
    offset: Offset = None,
    axes: Axes = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Make up synapses where segments touch, by chance: a stand-in until synapses are detected, and named `made`."""
    import numpy as np

    from gpu_embed.segmentation.boxes import parse_box
    from gpu_embed.segmentation.made_synapses import contacts, made_synapses
    from graphlab.commands.terminal import print_json
    from graphlab.exchange.table_files import write_table
    from ingest.volumes.volume import open_volume

    volume = open_volume(segmentation, resolution=resolution, offset=voxels_of(offset, "--offset"), axes=axes)
    start, stop = (volume.start, volume.stop) if box is None else parse_box(box)
    found = contacts(volume.read(start, stop), start, volume.resolution, reach)
    made = made_synapses(found, np.random.default_rng(seed), density)
    write_table(made, output)
    notes = [note for note in [volume.note()] if note]
    pairs = len(np.unique(np.stack([found.one, found.other]), axis=1).T)
    if json:
        print_json({"made_synapses": made.num_rows, "touching_pairs": pairs, "file": str(output), "notes": notes})
    else:
        typer.echo(
            f"{output}: {made.num_rows:,} made synapses (drawn by chance, not measured) of {pairs:,} pairs that touch"
        )
        for note in notes:
            typer.echo(f"  - {note}")
