"""Verbs about segmentations: evaluate-segmentation.

Tests: tests/graphlab/commands/segmentation/test_evaluating.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.options import Json, NoProgress, voxels_of

if TYPE_CHECKING:
    from gpu_embed.segmentation.evaluate import Evaluation


def evaluate_segmentation(
    segmentation: Annotated[
        str, typer.Argument(metavar="SEGMENTATION", help="precomputed://, zarr://, n5://, FILE.h5:DATA, a folder.")
    ],
    truth: Annotated[str | None, typer.Option(metavar="URL", help="The true segmentation.")] = None,
    skeletons: Annotated[
        Path | None, typer.Option(metavar="PATH", help="True skeletons: SWC, a folder of them, precomputed.")
    ] = None,
    mask: Annotated[
        str | None, typer.Option(metavar="URL", help="Volume whose voxels count where it is not 0; default: all.")
    ] = None,
    box: Annotated[
        str | None, typer.Option(metavar="X,Y,Z:X,Y,Z", help="First voxel and end; default: the volumes' one extent.")
    ] = None,
    ignore: Annotated[
        str | None, typer.Option(metavar="LABEL,LABEL", help="True labels whose voxels are left out.")
    ] = None,
    merge_tolerance: Annotated[
        int, typer.Option(help="Nodes of a second skeleton up to which a segment is no merger.", min=0)
    ] = 0,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel; chooses the scale.")] = None,
    truth_resolution: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Of the truth, where it says none of its own.")
    ] = None,
    offset: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="First voxel, where the format has no word for it.")
    ] = None,
    truth_offset: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Of the truth, likewise.")] = None,
    axes: Annotated[str | None, typer.Option(help="Order of the axes, where a format does not name them: zyx.")] = None,
    truth_axes: Annotated[str | None, typer.Option(help="Of the truth, likewise.")] = None,
    mask_offset: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="Of the mask, likewise.")] = None,
    unit: Annotated[float | None, typer.Option(metavar="NM", help="nm of one unit of SWC files.")] = None,
    worst: Annotated[int, typer.Option(help="So many worst splits and mergers are listed.", min=0)] = 5,
    memory: Annotated[float, typer.Option(metavar="GIB", help="For blocks of voxels.", min=0.001)] = 1.0,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Score a segmentation by a true one (variation of information, adapted Rand), by skeletons (ERL), or both."""
    from dataclasses import asdict

    from gpu_embed.segmentation.boxes import parse_box
    from gpu_embed.segmentation.evaluate import evaluate_volumes
    from graphlab.commands.terminal import print_json, progress_bars
    from ingest.nodes import read_skeletons
    from ingest.volumes.volume import open_volume

    opened = open_volume(segmentation, resolution=resolution, offset=voxels_of(offset, "--offset"), axes=axes)
    wanted = truth_resolution or opened.resolution
    true = None if truth is None else open_volume(
        truth, resolution=wanted, offset=voxels_of(truth_offset, "--truth-offset"), axes=truth_axes
    )  # fmt: skip
    masked = None if mask is None else open_volume(
        mask, resolution=opened.resolution, offset=voxels_of(mask_offset, "--mask-offset")
    )  # fmt: skip
    with progress_bars(off=no_progress or json) as bars:
        found = evaluate_volumes(
            opened,
            true,
            skeletons=None if skeletons is None else read_skeletons(skeletons, unit),
            mask=masked,
            box=None if box is None else parse_box(box),
            ignored=labels_of(ignore),
            merge_tolerance=merge_tolerance,
            worst_count=worst,
            memory_bytes=int(memory * 2**30),
            progress=bars("comparing voxels"),
        )
    if json:
        print_json(_as_json(asdict(found)))
    else:
        _print_evaluation(found)


def labels_of(text: str | None) -> tuple[int, ...]:
    """Labels between commas.

    Raises:
        SchemaError: no labels of 0 to 2^64-1.
    """
    from ingest.schema.errors import SchemaError

    parts = [] if text is None else [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and int(part) < 2**64 for part in parts):
        raise SchemaError(f"--ignore: found {text!r}; wanted labels between commas, whole numbers from 0 to 2^64-1")
    return tuple(int(part) for part in parts)


def _as_json(found: dict[str, Any]) -> dict[str, Any]:
    """Labels as text, as ids are everywhere in JSON."""
    found["ignored"] = [str(label) for label in found["ignored"]]
    for share in (*found["worst_splits"], *found["worst_mergers"]):
        share["label"] = str(share["label"])
    if found["run_length"]:
        found["run_length"]["mergers"] = [str(label) for label in found["run_length"]["mergers"]]
    return found


def _print_evaluation(found: Evaluation) -> None:
    from gpu_embed.segmentation.overlap_scores import MASKS

    typer.echo(f"{found.segmentation} against {found.truth or 'skeletons'}, voxels {found.box}; mask: {found.mask}")
    if found.scores:
        typer.echo("                     voxels   VOI split   VOI merge  Rand error   precision      recall")
        for score in found.scores:
            shown = (score.voi_split, score.voi_merge, score.rand_error, score.rand_precision, score.rand_recall)
            typer.echo(f"  {score.mask:12} {score.voxels:>12,}" + "".join(f"{_number(value):>12}" for value in shown))
        typer.echo("  VOI in bits; split is H(segmentation | truth), merge is H(truth | segmentation). Over:")
        for name, words in MASKS.items():
            typer.echo(f"    {name}: {words}")
        typer.echo(f"  coverage {_number(found.coverage)}: part of the truth's voxels that the segmentation labels")
        for kind, shares, pieces in (
            ("split", found.worst_splits, "segments"),
            ("merger", found.worst_mergers, "true objects"),
        ):
            for share in shares:
                typer.echo(
                    f"  {kind} {share.label}: {share.bits:.4f} bits, {share.voxels:,} voxels, {share.pieces:,} {pieces}"
                )
    if found.run_length is not None:
        run = found.run_length
        typer.echo(
            f"  ERL {_number(run.erl_nm, 1)} nm of {_number(run.largest_erl_nm, 1)}, NERL {_number(run.nerl)}; "
            f"merge tolerance {run.merge_tolerance} nodes; {run.skeletons:,} skeletons, {run.cable_nm:,.0f} nm of cable"
        )
        typer.echo(
            f"    right {run.right_nm:,.0f} nm, split {run.split_nm:,.0f}, merged {run.merged_nm:,.0f} "
            f"({len(run.mergers):,} segments), omitted {run.omitted_nm:,.0f}"
        )
    for note in found.notes:
        typer.echo(f"  - {note}")


def _number(value: float | None, digits: int = 4) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"
