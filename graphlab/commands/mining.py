"""Verbs about single motifs: mine, instances."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from graphlab.commands.distributed.dividing import PartOption, Shared, divided
from graphlab.commands.options import (
    CompartmentOption,
    GraphPath,
    Json,
    MinWeight,
    MotifKind,
    NoProgress,
    Output,
    Seed,
    TypedBy,
    Workers,
)
from ingest.schema.errors import AnalysisError

SHOWN = ("pattern", "motif", "count", "null_mean", "ratio", "surprise", "p", "q")


class Split(StrEnum):
    random = "random"
    hemisphere = "hemisphere"


def mine(
    graph: GraphPath,
    size: Annotated[int, typer.Option(help="3 or 4 neurons.")] = 3,
    by: TypedBy = "cell_type",
    null: Annotated[str, typer.Option(metavar="NAME", help="The null; mutual partners are kept, too.")] = "block",
    samples: Annotated[int, typer.Option(help="Random graphs.", min=1)] = 100,
    seed: Seed = 0,
    split: Annotated[Split | None, typer.Option(help="Mine one half of the neurons, test on the other.")] = None,
    top: Annotated[int, typer.Option(help="At most this many typed motifs.", min=1)] = 100,
    kind: MotifKind = "chemical",
    compartment: CompartmentOption = None,
    min_weight: MinWeight = 0.0,
    workers: Workers = None,
    part: PartOption = None,
    shared: Shared = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Find typed motifs (L2 -> Mi1 -> T4a, L2 -> T4a) that types and degrees do not explain."""
    from graphlab.commands.terminal import print_json, print_table, progress_bars, rows_of, write_output
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    threads = workers or DuckDBSettings.from_environment().cores
    with (
        divided(part, shared, threads, json) as division,
        Graph.open(graph, read_only=division.is_part, shared=not division.is_part) as opened,
        progress_bars(off=no_progress) as bars,
    ):
        mined = opened.motifs.mine(
            size, null, samples, seed,
            by=by, split=split.value if split else None, top=top, kind=kind, min_weight=min_weight,
            workers=division.workers, progress=bars("null samples"),
            compartment=compartment,
        )  # fmt: skip
        if division.is_part:
            return
        table = mined.to_arrow()
        about = {"size": size, "null": null, "samples": samples, "seed": seed, "tried": mined.tried}
        about["notes"] = [mined.rule, mined.sentence]
        if output:
            write_output(table, output, about if json else None)
        elif json:
            print_json({**about, "motifs": rows_of(table)})
        else:
            print_table(table.select(SHOWN), title=f"typed motifs, {mined.tried:,} tried")
            for note in (mined.rule, mined.sentence):
                typer.echo(f"  - {note}")


def instances(
    graph: GraphPath,
    motif: Annotated[str, typer.Argument(metavar="MOTIF", help="030T and the like; for --size 4 an mfinder id, 204.")],
    size: Annotated[int, typer.Option(help="3 or 4 neurons.")] = 3,
    types: Annotated[str | None, typer.Option(metavar="A,B,C", help="Cell types wanted, by role.")] = None,
    by: TypedBy = "cell_type",
    limit: Annotated[int, typer.Option(help="At most this many, strongest first.", min=1)] = 100,
    kind: MotifKind = "chemical",
    compartment: CompartmentOption = None,
    min_weight: MinWeight = 0.0,
    links: Annotated[bool, typer.Option("--links", help="Add a Neuroglancer link to each.")] = False,
    segmentation: Annotated[
        str | None, typer.Option(metavar="URL", help="Segmentation for the links, when the dataset is not a known one.")
    ] = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """List instances of a motif: ids, types, the weight of every connection, positions."""
    import pyarrow as pa

    from graphlab.commands.terminal import print_json, print_table, progress_bars, rows_of, write_output
    from graphlab.exchange import neuroglancer
    from graphlab.graph import Graph

    if segmentation and not links:
        raise AnalysisError("--segmentation is for the links; give --links, too")
    with Graph.open(graph, read_only=True) as opened, progress_bars(off=no_progress) as bars:
        table = opened.motifs.instances(
            motif, size, types=types.split(",") if types else None, by=by, kind=kind, min_weight=min_weight,
            limit=limit, progress=bars("neurons"), compartment=compartment,
        )  # fmt: skip
        total = int(table.schema.metadata[b"found"])
        if links:
            info = opened.info()
            dataset = neuroglancer.dataset_of(info.dataset, info.materialization, segmentation, info.resolution)
            urls = [neuroglancer.instance_link(row, size, dataset) for row in table.to_pylist()]
            table = table.append_column("neuroglancer", pa.array(urls, pa.string()))
    about = {"motif": motif, "size": size, "found": total}
    if output:
        write_output(table, output, about if json else None, f"of {total:,} instances")
    elif json:
        print_json({**about, "instances": rows_of(table)})
    else:
        print_table(table, title=f"{table.num_rows:,} of {total:,} instances of {motif}")
