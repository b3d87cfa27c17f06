"""Verbs about encoders: convert-checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from graphlab.commands.options import Json, Quiet


def convert_checkpoint(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="TensorFlow checkpoint (prefix, .index or folder), or .safetensors."),
    ],
    target: Annotated[
        Path, typer.Argument(metavar="TARGET", help="NAME.safetensors; from .safetensors, a TensorFlow prefix.")
    ],
    architecture: Annotated[str, typer.Option(help="segclr (published), segclr-128, segclr-tf2, tiny.")] = "segclr",
    outputs: Annotated[int | None, typer.Option(help="Floats of an embedding, where not the architecture's.")] = None,
    resolution: Annotated[
        str | None,
        typer.Option(metavar="X,Y,Z", help="nm per voxel that the model was trained at, like 32,32,40 (MICrONS)."),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the model; default: the target's.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Convert an encoder's checkpoint: TensorFlow to safetensors with a model card, or back."""
    from gpu_embed.architectures import architecture as architecture_of
    from gpu_embed.checkpoint import load_checkpoint, save_checkpoint
    from gpu_embed.tensorflow_checkpoint import read_tensorflow, write_tensorflow
    from graphlab.terminal import print_json
    from ingest.space import Resolution

    if source.suffix == ".safetensors":
        found = load_checkpoint(source)
        written = write_tensorflow(target, found)
        card = found.card
    else:
        xyz = Resolution.parse(resolution).xyz if resolution else None
        wanted = architecture_of(architecture, outputs=outputs)
        found = read_tensorflow(source, wanted, name=name or target.stem, resolution=xyz)
        card, written = save_checkpoint(target, found), target
    if json:
        print_json(card.to_json())
    elif not quiet:
        a = card.architecture
        typer.echo(
            f"{written}: {a.name}, {len(found.weights)} weights for inference, {len(found.training)} for training"
            f"{f', {len(card.left_aside)} left aside' if card.left_aside else ''}; source SHA-256 {card.source_sha256}"
        )
        if card.resolution is None:
            typer.echo("  - the card says no resolution: --resolution X,Y,Z, so that EM at another one is refused")
