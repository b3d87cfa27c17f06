"""Verbs over finished segmentations: consensus-segmentation.

Tests: tests/graphlab/commands/segmentation/test_agreeing.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import Json, NoProgress, outside


def consensus_segmentation(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Folder of a finished `segment`.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Another, over the same sub-volumes.")],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", callback=outside, help="For the consensus; kept.")],
    least_voxels: Annotated[int, typer.Option(help="Smaller parts become 0.", min=0)] = 0,
    threshold: Annotated[
        float | None, typer.Option(help="Both read at this probability first; needs their .prob files.")
    ] = None,
    components: Annotated[bool, typer.Option("--components", help="Both cut into connected components first.")] = False,
    least_object: Annotated[int, typer.Option(help="Smaller objects of both are left out first.", min=0)] = 0,
    output: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Also one segmentation of all: precomputed://PLACE, zarr://PLACE."),
    ] = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Cut the objects of one segmentation wherever another one does: only errors that both make remain joined."""
    from gpu_embed.ffn.subvolumes.consensus import Controls, consensus, resolution_of
    from gpu_embed.ffn.subvolumes.label_volume import check_target
    from gpu_embed.ffn.subvolumes.segment import write_one
    from graphlab.commands.terminal import print_json, progress_bars

    if output:
        check_target(output)
    controls = Controls(threshold, components, least_object)
    with progress_bars(off=no_progress or json) as bars:
        done = consensus(
            first, second, folder, least_voxels=least_voxels, controls=controls, progress=bars("comparing sub-volumes")
        )
        one = write_one(done.pieces, output, resolution_of(folder), bars("making one of all")) if output else None
    if json:
        print_json(
            {
                "subvolumes": len(done.pieces),
                "objects_before": done.objects_before,
                "objects": done.objects,
                "voxels_before": done.voxels_before,
                "voxels": done.voxels,
                "objects_of_all": None if one is None else one.objects,
                "output": output,
            }
        )
        return
    typer.echo(
        f"{folder}: {len(done.pieces):,} sub-volumes; {done.objects_before:,} objects of {first} became "
        f"{done.objects:,}, {done.voxels_before:,} voxels {done.voxels:,}"
    )
    if one is not None:
        typer.echo(f"{output}: {one.objects:,} objects; {one.disagreeing_voxels:,} voxels in which neighbours differ")
