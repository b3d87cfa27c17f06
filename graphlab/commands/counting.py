"""Verbs about motifs: motifs, rerun."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from graphlab.commands.distributed.dividing import PartOption, Shared, divided
from graphlab.commands.options import (
    CompartmentOption,
    GraphPath,
    Json,
    Language,
    MinWeight,
    MotifKind,
    NoProgress,
    Output,
    Seed,
    Workers,
    page,
    text_of,
)
from ingest.schema.errors import AnalysisError, GraphlabError

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.graph import Graph
    from graphlab.motifs.significance.motifs import Significance

SHOWN = ("motif", "count", "null_mean", "null_std", "ratio", "z", "p", "q", "note")
"""Columns of a significance that fit a terminal; -o and --json give all."""


def motifs(
    graph: GraphPath,
    size: Annotated[int, typer.Option(help="2 (dyads), 3 (triads) or 4 (tetrads).")] = 3,
    null: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="configuration, reciprocal, block, spatial, er, dyad, triads, or one that another package offers; "
            "reciprocal when absent (configuration for size 2).",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(help="Null samples; 0 counts only.", min=0)] = 0,
    seed: Seed = 0,
    kind: MotifKind = "chemical",
    compartment: CompartmentOption = None,
    min_weight: MinWeight = 0.0,
    by: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Also counts per group of neurons (cell_type); labels of a null that needs them, such as block.",
        ),
    ] = None,
    pattern: Annotated[
        str | None, typer.Option(metavar="TEXT|@FILE|-", help="Count the matches of this pattern instead.")
    ] = None,
    language: Language = None,
    steps: Annotated[float, typer.Option(help="Swaps tried per connection and sample.")] = 10.0,
    near: Annotated[str, typer.Option(help="What spatial keeps: soma (distance) or neuropil (shared).")] = "soma",
    proximity: Annotated[
        Path | None, typer.Option(metavar="FILE", help="spatial by arbor proximity: pre_root_id, post_root_id, class.")
    ] = None,
    compare: Annotated[
        list[Path] | None, typer.Option(metavar="GRAPH", help="A further graph; profiles side by side. Repeatable.")
    ] = None,
    workers: Workers = None,
    part: PartOption = None,
    shared: Shared = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", callback=page, help="Also write an HTML report.")
    ] = None,
    output: Output = None,
    json: Json = False,
    no_progress: NoProgress = False,
) -> None:
    """Count every motif class exactly; with --samples, against a null model. Typed motifs: see graphlab mine."""
    from graphlab.commands.terminal import progress_bars
    from graphlab.config import DuckDBSettings
    from graphlab.graph import Graph

    if size not in (2, 3, 4):
        raise AnalysisError(
            f"motifs of size {size} are not counted; sizes are 2 (dyads), 3 (triads), 4 (tetrads). Larger patterns: "
            "graphlab motifs GRAPH --pattern TEXT, or graphlab query"
        )
    threads = workers or DuckDBSettings.from_environment().cores
    settings: dict[str, Any] = {"kind": kind, "min_weight": min_weight}
    if compartment is not None:
        settings["compartment"] = compartment
    if samples:
        settings |= {"null": null, "samples": samples, "seed": seed, "steps_per_edge": steps, "near": near}
        settings["proximity"] = None if proximity is None else str(proximity)
        from graphlab.motifs.nulls.models import LABELS, default_null
        from graphlab.motifs.nulls.registered import null_model

        settings["by"] = by if LABELS in null_model(null or default_null(size)).needs else None
    elif null is not None or compare:
        raise AnalysisError("--null and --compare need random graphs to compare with; give --samples N, such as 1000")
    if shared is not None and (pattern is not None or compare or (by is not None and not samples)):
        raise AnalysisError("--part and --shared divide the census or the null samples of one graph; leave out "
                            "--pattern, --compare, and --by where there are no --samples")  # fmt: skip
    with (
        divided(part, shared, threads, json) as division,
        Graph.open(graph, read_only=division.is_part, shared=not division.is_part) as opened,
        progress_bars(off=no_progress) as bars,
    ):
        if pattern is not None:
            if report or compare or by:
                raise AnalysisError("--pattern goes with --null, --samples and --min-weight, not with "
                                    "--report, --compare or --by")  # fmt: skip
            document, table = _pattern(opened, text_of(pattern), language, settings, threads, bars)
        elif samples:
            how: dict[str, Any] = {
                "workers": division.workers,
                "progress": bars("null samples"),
                "mixing_progress": bars("does the null mix"),
            }
            result = opened.motifs.significance(size, **settings, **how)
            document, table = _tested(opened, result, by, settings)
            others: dict[str, Significance] = {}
            own = opened.info().dataset or graph.name
            for path in compare or ():
                name, other = _other(path, size, settings, threads, bars)
                others[str(path) if name in (own, *others) else name] = other
            if others:
                from graphlab.motifs.significance.profiles import profiles

                document["profiles"] = profiles({own: result, **others}).rows()
            if report:
                document["report"] = str(opened.report(report, motifs=result, compare=others))
        else:
            how = {"workers": division.workers, "progress": bars("counting")}
            census = opened.motifs.census(size, by=by, **settings, **how)
            document, table = (
                {"size": size, **_view(opened, settings), "notes": list(census.notes)},
                census.to_arrow(),
            )
            if report:
                document["report"] = str(opened.report(report))
        if not division.is_part:
            _show(document, table, output, json)


def _pattern(
    opened: Graph, text: str, language: str | None, settings: dict[str, Any], workers: int, bars: Any
) -> tuple[dict[str, Any], pa.Table]:
    import pyarrow as pa

    if "samples" in settings:
        result = opened.motifs.pattern_significance(
            text, language, **settings, workers=workers, progress=bars("null samples")
        )
        document, table = _about(opened, result, settings), result.to_arrow()
        document["notes"].append("matches of the pattern, autapses left out; one test, so q is p")
        return document, table
    count = opened.motifs.pattern_count(text, language, **settings)
    notes = ["matches of the pattern in the graph"]
    return {**settings, "notes": notes}, pa.table({"motif": [text], "count": pa.array([count], pa.int64())})


def _tested(
    opened: Graph, result: Significance, by: str | None, settings: dict[str, Any]
) -> tuple[dict[str, Any], pa.Table]:
    """The rows of a significance; per group there are counts only."""
    import pyarrow as pa

    document, table = _about(opened, result, settings), result.to_arrow()
    if by is None:
        return document, table
    view = {name: settings[name] for name in ("kind", "min_weight", "compartment") if name in settings}
    census = opened.motifs.census(result.size, by=by, **view)
    groups = census.to_arrow()
    groups = groups.filter(pa.compute.is_valid(groups["group"]))
    table = table.add_column(0, "group", pa.nulls(len(table), pa.string()))
    document["notes"] += [*census.notes, "rows with a group are counts; null columns are of the whole graph"]
    return document, pa.concat_tables([table, groups.cast(groups.schema)], promote_options="permissive")


def _about(opened: Graph, result: Significance, settings: dict[str, Any]) -> dict[str, Any]:
    shown = {
        "size": result.size,
        **_view(opened, settings),
        "null": result.null,
        "samples": result.samples,
    }
    return {**shown, "seed": result.seed, "notes": [result.sentence, *result.caveats]}


def _view(opened: Graph, settings: dict[str, Any]) -> dict[str, Any]:
    """Kind and compartments as the run writes them down."""
    part = settings.get("compartment")
    said = {} if part is None else {"compartment": opened.compartment_of(part)}
    return {"kind": opened.kind_of(settings["kind"]), **said}


def _other(path: Path, size: int, settings: dict[str, Any], workers: int, bars: Any) -> tuple[str, Significance]:
    """Name and result of a further graph."""
    from graphlab.graph import Graph

    with Graph.open(path, shared=True) as other:
        name = other.info().dataset or path.name
        bar = bars(f"null samples of {name}")
        return name, other.motifs.significance(size, **settings, workers=workers, progress=bar)


def _show(document: dict[str, Any], table: pa.Table, output: Path | None, json: bool) -> None:
    from graphlab.commands.terminal import print_json, print_table, rows_of, write_output

    if output:
        write_output(table, output, document if json else None)
    elif json:
        print_json({**document, "motifs": rows_of(table)})
    else:
        shown = [name for name in ("group", *SHOWN) if name in table.schema.names]
        print_table(table.select(shown) if "null_mean" in table.schema.names else table, title="motifs")
        for note in document["notes"]:
            typer.echo(f"  - {note}")
    if "report" in document and not json:
        typer.echo(f"report: {document['report']}")


def rerun(
    graph: GraphPath, run: Annotated[str, typer.Argument(help="Id of a recorded run.")], json: Json = False
) -> None:
    """Recompute a recorded result and compare it: whole numbers and text to the byte, floats within 1e-9."""
    from graphlab.commands.terminal import print_json
    from graphlab.graph import Graph

    with Graph.open(graph, shared=True) as opened:
        result = opened.rerun(run)
    if json:
        hashes = {"recorded": result.run.result_hash, "recomputed": result.new_hash}
        print_json({"run": run, "equal": result.equal, "how": result.how, **hashes})
    if not result.equal:
        raise GraphlabError(f"run {run}: the results differ: {result.how}")
    if not json:
        typer.echo(f"run {run}: {result.how}")
