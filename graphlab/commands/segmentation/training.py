"""The verb ``graphlab train ffn``: a flood-filling network from EM and labels.

Tests: tests/graphlab/commands/segmentation/test_training.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from graphlab.commands.options import Json, NoProgress, Quiet, Seed, outside, voxels_of

if TYPE_CHECKING:
    from gpu_embed.ffn.architecture import Zyx
    from gpu_embed.ffn.training.examples import TrainingCube
    from gpu_embed.segmentation.boxes import Box


def ffn(
    output: Annotated[
        Path,
        typer.Argument(metavar="TARGET", callback=outside, help="NAME.safetensors; NAME.training beside it, to go on."),
    ],
    em: Annotated[list[str], typer.Option(metavar="URL", help="EM; repeated, several cubes.")],
    labels: Annotated[list[str], typer.Option(metavar="URL", help="True labels of each EM, in the same order.")],
    box: Annotated[
        str | None, typer.Option(metavar="X,Y,Z:X,Y,Z", help="First voxel and end of what is read; default: all.")
    ] = None,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel, of EM and labels.")] = None,
    offset: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="First voxel of both, where formats have no word for it.")
    ] = None,
    axes: Annotated[str | None, typer.Option(help="Order of the axes, where a format does not name them: zyx.")] = None,
    depth: Annotated[int, typer.Option(help="Residual modules.", min=1)] = 12,
    features: Annotated[int, typer.Option(help="Channels of every convolution.", min=1)] = 32,
    fov: Annotated[str, typer.Option(metavar="X,Y,Z", help="Field of view, odd numbers of voxels.")] = "33,33,33",
    deltas: Annotated[str, typer.Option(metavar="X,Y,Z", help="How far it moves.")] = "8,8,8",
    layer_norm: Annotated[bool, typer.Option("--layer-norm", help="Norms, as in Google's JAX network.")] = False,
    mean: Annotated[float | None, typer.Option(help="Of the grey values; default: measured.")] = None,
    std: Annotated[float | None, typer.Option(help="Their standard deviation; default: measured.")] = None,
    steps: Annotated[int, typer.Option(help="Steps in all, each of --examples coordinates.", min=1)] = 100_000,
    examples: Annotated[int, typer.Option(help="Coordinates of a step.", min=1)] = 16,
    batch: Annotated[int, typer.Option(help="Fields of view of an update.", min=1)] = 4,
    policy: Annotated[str, typer.Option(help="Moves: fixed (one each way), faces (as at inference).")] = "fixed",
    moves: Annotated[int, typer.Option(help="Of --policy faces: how many each way.", min=1)] = 1,
    radius: Annotated[
        str, typer.Option(metavar="X,Y,Z", help="Neighbourhood whose fill balances the examples.")
    ] = "24,24,24",
    least_voxels: Annotated[int, typer.Option(help="Smaller objects are not learnt from.", min=0)] = 10_000,
    permute: Annotated[str, typer.Option(metavar="AXES", help="Axes that change places; none.")] = "yx",
    mirror: Annotated[str, typer.Option(metavar="AXES", help="Axes that are mirrored; none.")] = "zyx",
    optimizer: Annotated[str, typer.Option(help="adamw, adam, sgd (Google's default, at 0.001), lars.")] = "adam",
    rate: Annotated[float, typer.Option(help="Of the optimizer.")] = 0.001,
    schedule: Annotated[str, typer.Option(help="cosine, ramped-cosine, constant.")] = "cosine",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    stop_after: Annotated[int | None, typer.Option(help="End once so many steps are done: a budget.", min=1)] = None,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Train a flood-filling network; stopped, the same command goes on where it was."""
    from itertools import chain

    from gpu_embed.ffn.architecture import FfnArchitecture
    from gpu_embed.ffn.checkpoint import save_ffn
    from gpu_embed.ffn.settings import FfnSettings
    from gpu_embed.ffn.training.examples import Turning
    from gpu_embed.ffn.training.train import FfnTraining, grey_values, train_ffn
    from gpu_embed.segmentation.boxes import parse_box
    from gpu_embed.training.optimizers import OptimizerSettings
    from gpu_embed.training.trainer import TrainingSettings
    from graphlab.commands.terminal import print_json, progress_bars
    from ingest.schema.errors import SchemaError

    if output.suffix != ".safetensors":
        raise SchemaError(f"{output}: wanted a name that ends in .safetensors")
    if len(em) != len(labels):
        raise SchemaError(f"{len(em)} --em and {len(labels)} --labels; wanted the labels of each EM, in the same order")
    architecture = FfnArchitecture(depth, features, _zyx(fov, "--fov"), _zyx(deltas, "--deltas"), layer_norm)
    training = FfnTraining(
        batch=batch,
        examples=examples,
        policy=policy,
        moves=moves,
        radius=_zyx(radius, "--radius"),
        least_voxels=least_voxels,
        turning=Turning(_axes(permute, "--permute"), _axes(mirror, "--mirror")),
    )
    settings = TrainingSettings(
        steps, OptimizerSettings(optimizer, rate), schedule, precision=precision, seed=seed
    )  # fmt: skip
    place = voxels_of(offset, "--offset")
    part = None if box is None else parse_box(box)
    cubes, sizes, said = zip(
        *(_cube(one, other, resolution, place, axes, part) for one, other in zip(em, labels, strict=True)), strict=True
    )
    if len(set(sizes)) > 1:
        raise SchemaError(f"cubes of different voxel sizes: {', '.join(map(str, sizes))} nm; wanted one size")
    measured = grey_values(cubes)
    greys = FfnSettings(
        mean=measured[0] if mean is None else mean,
        std=measured[1] if std is None else std,
        least_voxels=min(FfnSettings().least_voxels, least_voxels),
    )
    with progress_bars(off=no_progress or quiet or json) as bars:
        done = train_ffn(
            cubes,
            architecture,
            greys,
            training,
            settings,
            name=output.stem,
            resolution=sizes[0],
            folder=output.with_suffix(".training"),
            device=device,
            stop_after=stop_after,
            progress=bars("training"),
        )
    card = save_ffn(output, done.checkpoint)
    last = done.trained.entries[-1] if done.trained.entries else {}
    if json:
        run = {"steps": done.trained.steps, "seconds": done.trained.seconds, "last": last, "classes": done.counts}
        print_json({"card": card.to_json(), **run, "notes": list(chain.from_iterable(said))})
    elif not quiet:
        typer.echo(
            f"{output}: {card.notes[0]} ({done.trained.steps:,} now, {done.trained.steps_per_s:.2f} a second), loss "
            f"{last.get('loss', float('nan')):.4f}, {last.get('wrong voxels', float('nan')):.2%} of voxels wrong"
        )
        typer.echo(f"  - grey values: mean {greys.mean:.4g}, standard deviation {greys.std:.4g}")
        told = ", ".join(f"{value}: {count:,}" for value, count in done.counts.items())
        typer.echo(f"  - voxels of each class of fill, drawn from evenly (0: unlabelled or small): {told}")
        for line in chain.from_iterable(said):
            typer.echo(f"  - {line}")


def _cube(
    em: str, labels: str, resolution: str | None, offset: tuple[int, ...] | None, axes: str | None, box: Box | None
) -> tuple[TrainingCube, tuple[float, float, float], list[str]]:
    """EM and labels of one place, in memory, their voxel size in nm XYZ, and notes on what is not there."""
    from gpu_embed.ffn.training.examples import TrainingCube
    from gpu_embed.segmentation.boxes import xyz
    from ingest.schema.errors import SchemaError, VersionError
    from ingest.volumes.volume import open_volume, steps_between

    grey = open_volume(em, resolution=resolution, offset=offset, axes=axes)
    ids = open_volume(labels, resolution=resolution or grey.resolution, offset=offset, axes=axes)
    if steps_between(grey, ids) != (1.0, 1.0, 1.0):
        raise VersionError(f"{em} has voxels of {grey.resolution} nm, {labels} of {ids.resolution}; wanted one size")
    extents = [(volume.start, volume.stop) for volume in (grey, ids)]
    if box is None and extents[0] != extents[1]:
        raise SchemaError(
            f"{em} is {xyz(extents[0])} and {labels} {xyz(extents[1])} (XYZ); say which voxels both have with --box"
        )
    start, stop = box or extents[0]
    cube = TrainingCube(em, grey.read(start, stop), ids.read(start, stop))
    return cube, grey.resolution.xyz, [note for volume in (grey, ids) if (note := volume.note())]


def _zyx(text: str, flag: str) -> Zyx:
    """Three numbers X,Y,Z of an option in the order of arrays."""
    numbers = voxels_of(text, flag)
    assert numbers is not None
    x, y, z = numbers
    return z, y, x


def _axes(text: str, flag: str) -> tuple[int, ...]:
    from ingest.schema.errors import SchemaError

    if text == "none":
        return ()
    if not text or not set(text) <= set("zyx") or len(set(text)) != len(text):
        raise SchemaError(f"{flag}: found {text!r}; wanted some of z, y, x, each once, or none")
    return tuple(sorted("zyx".index(axis) for axis in text))
