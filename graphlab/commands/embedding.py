"""Verbs about encoders: convert-checkpoint, embed, aggregate-embeddings, export-embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphlab.commands.distributed.dividing import GATHER, PartOption, Shared
from graphlab.commands.options import GraphPath, Json, NoProgress, Quiet, Workers, outside, table, voxels_of
from ingest.schema.errors import AnalysisError


def convert_checkpoint(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="TensorFlow checkpoint (prefix, .index or folder), or .safetensors."),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="TARGET", callback=outside, help="NAME.safetensors; from .safetensors, a TensorFlow prefix."
        ),
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
    from gpu_embed.checkpoints.safetensors import load_checkpoint, save_checkpoint
    from gpu_embed.checkpoints.tensorflow import read_tensorflow, write_tensorflow
    from gpu_embed.encoder.architectures import architecture as architecture_of
    from graphlab.commands.terminal import print_json
    from ingest.schema.space import Resolution

    if source.suffix == ".safetensors":
        loaded = load_checkpoint(source)
        written = write_tensorflow(target, loaded)
        card = loaded.card
    else:
        xyz = Resolution.parse(resolution).xyz if resolution else None
        wanted = architecture_of(architecture, outputs=outputs)
        loaded = read_tensorflow(source, wanted, name=name or target.stem, resolution=xyz)
        card, written = save_checkpoint(target, loaded), target
    if json:
        print_json(card.to_json())
    elif not quiet:
        a = card.architecture
        typer.echo(
            f"{written}: {a.name}, {len(loaded.weights)} weights for inference, {len(loaded.training)} for training"
            f"{f', {len(card.left_aside)} left aside' if card.left_aside else ''}; source SHA-256 {card.source_sha256}"
        )
        if card.resolution is None:
            typer.echo("  - the card says no resolution: --resolution X,Y,Z, so that EM at another one is refused")


FAILED_FROM, FAILED_MOST = 10, 110


def embed(
    graph: GraphPath,
    em: Annotated[str, typer.Option(metavar="URL", help="EM: precomputed://, zarr://, n5://, FILE.h5:DATA, folder.")],
    segmentation: Annotated[str, typer.Option(metavar="URL", help="Segmentation, the same or another scale.")],
    nodes: Annotated[Path, typer.Option(metavar="FILE", help="CSV, Parquet or Arrow of nodes; SWC; skeletons.")],
    checkpoint: Annotated[Path, typer.Option(metavar="FILE", help="Encoder as .safetensors with its card.")],
    model: Annotated[str | None, typer.Option(help="Name to file under; default: the card's.")] = None,
    segmentation_version: Annotated[
        str | None, typer.Option(help="Version of the segmentation; default: the graph's materialization.")
    ] = None,
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
    axes: Annotated[str | None, typer.Option(help="Order of the axes, where a format does not name them: zyx.")] = None,
    segmentation_axes: Annotated[str | None, typer.Option(help="Of the segmentation, where it is another.")] = None,
    missing_chunks: Annotated[
        str, typer.Option(help="A chunk that is not there: fill (the fill value, counted), refuse.")
    ] = "fill",
    unit: Annotated[float | None, typer.Option(metavar="NM", help="nm of one unit of SWC files.")] = None,
    spacing: Annotated[float, typer.Option(metavar="NM", help="Cable between nodes of skeletons; 0: all.")] = 0.0,
    engine: Annotated[str, typer.Option(help="auto, torch, openvino, onnxruntime, or of another package.")] = "auto",
    precision: Annotated[str, typer.Option(help="fp32, tf32, fp16, bf16.")] = "fp32",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    batch: Annotated[int | None, typer.Option(help="Crops at a time; default: what fits.")] = None,
    architecture: Annotated[str | None, typer.Option(help="Of a checkpoint without a card.")] = None,
    memory: Annotated[float, typer.Option(metavar="GIB", help="For blocks of voxels.")] = 4.0,
    cutting: Annotated[str, typer.Option(help="Where crops are cut: device, host; auto: on a GPU if any.")] = "auto",
    out_of_domain: Annotated[
        bool, typer.Option("--out-of-domain", help="Compute at a voxel size the network was not trained at.")
    ] = False,
    csvzip: Annotated[
        Path | None, typer.Option(metavar="DIR", callback=outside, help="Also write SegCLR CSV-ZIP shards there.")
    ] = None,
    failed: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=table, help="Write the nodes that failed there.")
    ] = None,
    part: PartOption = None,
    shared: Shared = None,
    workers: Workers = None,
    price: Annotated[
        float | None, typer.Option(metavar="DOLLARS", help="Of an hour of one worker: says what it costs.", min=0)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say reads, bytes, memory and time; write nothing.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Compute embeddings of nodes in EM and segmentation volumes; stopped, it goes on where it was.

    Exit status: 0 all nodes done, 10 + n for n nodes that failed (110 for 100 or more); of a part, 0.
    """
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json, progress_bars, rows_of
    from graphlab.exchange.table_files import write_table
    from graphlab.graph import Graph

    options: dict[str, Any] = {
        "model": model,
        "segmentation_version": segmentation_version,
        "resolution": resolution,
        "segmentation_resolution": segmentation_resolution,
        "offset": voxels_of(offset, "--offset"),
        "segmentation_offset": voxels_of(segmentation_offset, "--segmentation-offset"),
        "axes": axes,
        "segmentation_axes": segmentation_axes,
        "missing_chunks": missing_chunks,
        "unit_nm": unit,
        "spacing_nm": spacing,
        "engine": engine,
        "precision": precision,
        "device": device,
        "batch": batch,
        "architecture": architecture,
        "memory_gib": memory,
        "out_of_domain": out_of_domain,
        "cutting": cutting,
        "part": part,
        "shared": shared,
    }
    if isinstance(workers, int):
        raise AnalysisError(
            f"found {workers} workers; embed takes every core or the GPU of this machine by itself. More machines: "
            "--workers ray or ray:HOST:PORT, or --part I/N"
        )
    if dry_run:
        with Graph.open(graph, read_only=True) as opened:
            forecast = opened.embeddings.forecast(em, segmentation, nodes, checkpoint, **options)
        if json:
            print_json({**asdict(forecast), "seconds": forecast.seconds, **_cost(forecast.seconds, price)})
        else:
            _print_forecast(forecast, price)
        return
    alone = part is not None and part != GATHER
    count = 1
    if workers is not None:
        options["workers"] = workers.for_networks(device)
        count = options["workers"].workers
    off = no_progress or quiet or json
    an_hour = None if price is None else price * count
    with Graph.open(graph, read_only=alone) as opened, progress_bars(off, an_hour) as bars:
        done = opened.embeddings.embed(
            em, segmentation, nodes, checkpoint, csvzip=csvzip, progress=bars("embedding"), **options
        )
    if failed:
        write_table(done.failures, failed)
    if json:
        shown = {name: getattr(done, name) for name in done.__dataclass_fields__ if name != "failures"}
        print_json({**shown, **_cost(done.seconds, price), "failures": rows_of(done.failures)})
    elif not quiet:
        typer.echo(
            f"{done.model}: {done.computed:,} nodes embedded in {done.seconds:.1f} s, {done.finished_before:,} were "
            f"done before, {done.failed:,} failed; {done.reads:,} reads, {done.bytes_read / 1e6:,.1f} MB"
        )
        if price is not None:
            typer.echo(f"  {_priced(done.seconds, price)}")
        for note in done.notes:
            typer.echo(f"  - {note}")
    if done.failed:
        for row in done.failures.slice(0, 5).to_pylist():
            typer.echo(
                f"failed: node {row['node_id']} of {row['root_id']}: {row['reason']}: {row['message']}", err=True
            )
        if done.failed > 5 and not failed:
            typer.echo(f"failed: {done.failed - 5:,} more; --failed FILE writes them all", err=True)
        if alone:
            return  # a scheduler would run the part again, and the one who gathers says it anyway
        raise typer.Exit(min(FAILED_FROM + done.failed, FAILED_MOST))


def aggregate_embeddings(
    graph: GraphPath,
    skeletons: Annotated[Path, typer.Argument(metavar="SKELETONS", help=".swc, a folder of them, or precomputed.")],
    radius: Annotated[float, typer.Option(metavar="NM", help="Path length around each node.")] = 10_000,
    by: Annotated[str, typer.Option(help="path, compartment, neuron.")] = "path",
    model: Annotated[str | None, typer.Option(help="Whose vectors; may be left out when there is one.")] = None,
    name: Annotated[str | None, typer.Option(help="To file under; default: MODEL-within-10um and the like.")] = None,
    unit: Annotated[float | None, typer.Option(metavar="NM", help="nm of one unit of SWC files.")] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """File means of embeddings along skeletons, weighted by cable, as a model of their own."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        done = opened.embeddings.aggregate(skeletons, radius, model, by=by, name=name, unit_nm=unit)
    if json:
        print_json(asdict(done))
    elif not quiet:
        there = "are there already" if done.already_there else "filed"
        typer.echo(f"{done.model}: {done.rows:,} means of {done.neurons:,} neurons from {done.of} {there}")
        if done.without:
            typer.echo(f"  - {done.without:,} skeletons have no embeddings")


def export_embeddings(
    graph: GraphPath,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", callback=outside, help="New or empty.")],
    model: Annotated[str | None, typer.Option(help="Whose vectors; may be left out when there is one.")] = None,
    shards: Annotated[int, typer.Option(help="Files that neurons are spread over by a hash of their id.")] = 64,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write embeddings as Parquet files for other tools, neurons spread over them by a hash, with a manifest."""
    from dataclasses import asdict

    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph, read_only=True) as opened:
        done = opened.embeddings.export(folder, model, shards)
    if json:
        print_json(asdict(done))
    elif not quiet:
        found = f"{done.rows:,} vectors of {done.neurons:,} neurons"
        typer.echo(f"{folder}: {found}, {len(done.files):,} files, {done.model}")


def _cost(seconds: float, price: float | None) -> dict[str, float]:
    """Hours of all workers together, and dollars where an hour has a price."""
    hours = {"device_hours": seconds / 3600}
    return hours if price is None else {**hours, "dollars": hours["device_hours"] * price}


def _priced(seconds: float, price: float) -> str:
    return f"cost    {seconds / 3600:,.4g} device hours, {seconds / 3600 * price:,.2f} dollars at {price:,.4g} an hour"


def _print_forecast(forecast: Any, price: float | None) -> None:
    typer.echo(
        f"{forecast.nodes:,} nodes to embed, {forecast.finished:,} finished before, {forecast.outside:,} outside the "
        f"volume; {forecast.padded:,} crops reach out of it"
    )
    typer.echo(
        f"  reads   {forecast.reads:,} blocks ({forecast.naive_reads:,} with one read per node, "
        f"{forecast.read_again:,} again for want of memory), {forecast.bytes_read / 1e6:,.1f} MB of voxels"
    )
    typer.echo(
        f"  memory  {forecast.host_bytes / 1e6:,.0f} MB of the host for blocks and crops, "
        f"{forecast.device_bytes / 1e6:,.0f} MB of the device"
    )
    typer.echo(
        f"  time    {forecast.seconds:,.1f} s (computing {forecast.seconds_computing:,.1f} s by a probe, reading "
        f"{forecast.seconds_reading:,.1f} s by one block of each volume; they overlap); probes were "
        f"{forecast.probe_spread:.0%} apart, expect it within 50 % on a machine as busy as now"
    )
    if price is None:
        typer.echo(f"  cost    {forecast.seconds / 3600:,.4g} device hours; --price DOLLARS says what they cost")
    else:
        typer.echo(f"  {_priced(forecast.seconds, price)}")


def map_embeddings(
    graph: GraphPath,
    model: Annotated[str | None, typer.Option(help="Which, where there are several.")] = None,
    method: Annotated[str, typer.Option(help="pca, umap.")] = "umap",
    neighbors: Annotated[int, typer.Option(help="Of each neuron, for UMAP.")] = 15,
    min_distance: Annotated[float, typer.Option(help="Between points of a UMAP, from 0 to 1.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of UMAP.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=table, help="Also write root_id, x, y there.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Lay neurons out in a plane by their mean vectors, and keep the map: `graphlab serve` and figures show it."""
    from graphlab.commands.terminal import print_json
    from graphlab.exchange.table_files import write_table
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        made = opened.embeddings.map(model, method=method, neighbors=neighbors, min_distance=min_distance, seed=seed)
        if out is not None:
            write_table(made.to_arrow(), out)
        if json:
            print_json({"run_id": made.run_id, "neurons": len(made), "notes": list(made.notes), **made.about})
        elif not quiet:
            typer.echo(f"run {made.run_id}: {len(made):,} neurons by {method}")
            for note in made.notes:
                typer.echo(f"  - {note}")
