"""``graphlab train encoder``: from EM, segmentation and skeletons to a SegCLR encoder."""

from __future__ import annotations

from contextlib import redirect_stdout
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.options import Json, NoProgress, Quiet, Seed, Workers, outside, voxels_of
from ingest.schema.errors import AnalysisError

PUBLISHED_DECAY = 1e-4


def encoder(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", callback=outside, help="Of checkpoint, journal, encoder.")
    ],
    em: Annotated[str, typer.Option(metavar="URL", help="EM: precomputed://, zarr://, n5://, FILE.h5:DATA, folder.")],
    segmentation: Annotated[str, typer.Option(metavar="URL", help="Segmentation, the same or another scale.")],
    skeletons: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="SWC file or folder, or precomputed skeletons, to draw pairs of."),
    ] = None,
    pairs: Annotated[
        str | None, typer.Option(metavar="FILE", help="Pairs instead: .parquet of ours, or TFRecords of Google's form.")
    ] = None,
    draw: Annotated[int, typer.Option(help="Pairs to draw from the skeletons.", min=2)] = 10_000,
    distances: Annotated[
        str, typer.Option(metavar="NM,NM,..", help="Bounds of path distance; every bin between two has as many pairs.")
    ] = "0,10000",
    unit: Annotated[float | None, typer.Option(metavar="NM", help="nm of one unit of SWC files.")] = None,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel; chooses the scale.")] = None,
    segmentation_resolution: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="Of the segmentation, where it is another.")
    ] = None,
    offset: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="First voxel of the EM, where its format has no word for it.")
    ] = None,
    segmentation_offset: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="First voxel of the segmentation, likewise.")
    ] = None,
    architecture: Annotated[str, typer.Option(help="segclr (published), segclr-128, segclr-tf2, tiny.")] = "segclr",
    crop: Annotated[
        int | None, typer.Option(help="Voxels a side of a crop, 32 n + 1; else the architecture's.")
    ] = None,
    width: Annotated[int | None, typer.Option(help="Channels of the stem; else the architecture's.")] = None,
    outputs: Annotated[int | None, typer.Option(help="Floats of an embedding; else the architecture's.")] = None,
    steps: Annotated[int, typer.Option(help="Steps in all.", min=1)] = 500_000,
    batch: Annotated[int, typer.Option(help="Pairs of one step and process.", min=2)] = 64,
    optimizer: Annotated[str, typer.Option(help="lars (published), adamw, adam, sgd.")] = "lars",
    rate: Annotated[float, typer.Option(help="Learning rate.")] = 0.01,
    momentum: Annotated[float, typer.Option(help="Of lars and sgd; beta 1 of the others.")] = 0.9,
    decay: Annotated[float, typer.Option(help="Of weights.")] = PUBLISHED_DECAY,
    schedule: Annotated[str, typer.Option(help="cosine (published), ramped-cosine, constant.")] = "cosine",
    warmup: Annotated[int, typer.Option(help="Steps before the cosine.", min=0)] = 0,
    temperature: Annotated[float, typer.Option(help="Of the loss.")] = 0.1,
    augmentation: Annotated[str, typer.Option(help="published, corrected, none.")] = "published",
    shift: Annotated[int, typer.Option(metavar="VOXELS", help="Move centres by up to so much.", min=0)] = 0,
    mask_same: Annotated[
        bool, typer.Option("--mask-same", help="Leave negatives of the same neuron out of the loss.")
    ] = False,
    plain_norm: Annotated[
        bool, typer.Option("--plain-norm", help="Batch norm without the published renormalisation.")
    ] = False,
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16, fp16.")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda.")] = "auto",
    seed: Seed = 0,
    stop_after: Annotated[
        int | None, typer.Option(metavar="STEP", help="Stop after this step; the same call goes on.", min=0)
    ] = None,
    checkpoint_every: Annotated[int, typer.Option(metavar="STEPS", help="Steps between checkpoints.", min=1)] = 1000,
    journal_every: Annotated[int, typer.Option(metavar="STEPS", help="Steps of one line of the journal.", min=1)] = 10,
    tensorflow: Annotated[
        Path | None, typer.Option(metavar="PREFIX", help="Also write the checkpoint that Google's loader restores.")
    ] = None,
    workers: Workers = None,
    processes: Annotated[
        int | None, typer.Option(help="Of a Ray cluster that train together; default: all its GPUs or cores.", min=1)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Probe two steps, say hours and operations; train nothing.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Train a SegCLR encoder on pairs of places of one neuron; stopped or killed, the same call goes on.

    Under torchrun, and with --workers ray or ray:HOST:PORT, every process takes a device, and batches are spread over
    them; machines all see FOLDER.
    """
    asked = dict(locals())
    from dataclasses import asdict

    from gpu_embed.encoder.architectures import architecture as named
    from gpu_embed.training.contrastive.forecast import forecast
    from gpu_embed.training.contrastive.objective import ContrastiveSettings
    from gpu_embed.training.contrastive.run import ENCODER, EncoderSettings, train_encoder
    from gpu_embed.training.devices import chosen_device
    from gpu_embed.training.optimizers import OptimizerSettings
    from gpu_embed.training.trainer import TrainingSettings
    from gpu_embed.training.workers import started_workers
    from graphlab.commands.terminal import print_json, progress_bars
    from graphlab.embeddings.encoders import PairSource, open_volumes

    training = TrainingSettings(
        steps, OptimizerSettings(optimizer, rate, momentum, decay), schedule, warmup, precision=precision, seed=seed
    )
    settings = EncoderSettings(
        training,
        ContrastiveSettings(temperature, augmentation, mask_same),
        named(architecture, crop=crop, width=width, outputs=outputs),
        renormalised=not plain_norm,
        batch=batch,
        shift=shift,
    )
    where = chosen_device(device)
    source = PairSource(skeletons, pairs, draw, distances, unit, seed)
    if dry_run:
        told = forecast(settings, where)
        if json:
            print_json(asdict(told))
        else:
            typer.echo(
                f"{told.steps:,} steps of {told.pairs_per_step} pairs: {told.flops_per_step / 1e12:,.1f} TFLOP a step\n"
                f"  here ({told.device})  {told.steps_per_s:.3g} steps/s by a probe on made-up crops, "
                f"{told.here_hours:,.1f} h\n  one H200  {told.h200_hours:,.1f} h if it reaches 40 % of its bf16 peak "
                "(assumed, not measured)"
            )
        return
    if isinstance(workers, int) or (workers is None and processes is not None):
        raise AnalysisError(
            "processes are those of a cluster: --workers ray or ray:HOST:PORT; on one machine, torchrun"
        )
    if workers is not None:
        from graphlab.distributed.ray_training import together

        there = workers.for_networks(device)
        alone = {**asked, "workers": None, "processes": None, "no_progress": True}
        folder.mkdir(parents=True, exist_ok=True)
        printed = together(partial(_printed, alone), processes or there.workers, workers.address,
                           gpus=bool(there.gpus), shared=folder.resolve())  # fmt: skip
        typer.echo(printed, nl=False)
        return
    geometry = (resolution, segmentation_resolution, voxels_of(offset, "--offset"))
    volumes = open_volumes(em, segmentation, *geometry, voxels_of(segmentation_offset, "--segmentation-offset"))
    made = source.read(*volumes)
    with (
        started_workers(where) as group,
        progress_bars(off=no_progress or quiet or json or not group.first) as bars,
    ):
        _, trained = train_encoder(
            *volumes, made, settings, folder, name=folder.resolve().name, device=where, workers=group,
            stop_after=stop_after, checkpoint_every=checkpoint_every, journal_every=journal_every,
            progress=bars("training"),
        )  # fmt: skip
        if not group.first:
            return
        source.keep(folder, made)
    about: dict[str, Any] = {
        "folder": str(folder), "steps": trained.steps, "seconds": trained.seconds, "waited_s": trained.waited_s,
        "steps_per_s": trained.steps_per_s, "pairs": len(made),
        "notes": [*made.notes, *(note for volume in volumes if (note := volume.note()))],
        "last": trained.entries[-1] if trained.entries else None, "encoder": None,
    }  # fmt: skip
    if (stop_after is None or stop_after >= steps) and (folder / ENCODER).exists():
        about["encoder"] = str(folder / ENCODER)
        if tensorflow is not None:
            from gpu_embed.checkpoints.safetensors import load_checkpoint
            from gpu_embed.checkpoints.tensorflow import write_tensorflow

            about["tensorflow"] = str(write_tensorflow(tensorflow, load_checkpoint(folder / ENCODER)))
    if json:
        print_json(about)
    elif not quiet:
        _print(about)


def _printed(asked: dict[str, Any]) -> str:
    """What one process of a group prints."""
    said = StringIO()
    with redirect_stdout(said):
        encoder(**asked)
    return said.getvalue()


def _print(about: dict[str, Any]) -> None:
    last = about["last"] or {}
    typer.echo(
        f"{about['steps']:,} steps on {about['pairs']:,} pairs in {about['seconds']:.1f} s, {about['steps_per_s']:.3g} "
        f"steps/s; {about['waited_s']:.1f} s of them waiting for crops"
    )
    if "loss" in last:
        typer.echo(
            f"step {last['step']:,}: loss {last['loss']:.4f}, partner nearest {last['hits']:.1%}, rank of embeddings "
            f"{last['rank']:.1f}, false negatives {last['false_negatives']:.2%}"
        )
    for note in about["notes"]:
        typer.echo(f"  - {note}")
    typer.echo(
        f"saved: {about['encoder']}; graphlab embed takes it as its checkpoint"
        if about["encoder"]
        else f"not done: the same call goes on from {about['folder']}"
    )
