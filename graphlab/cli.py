"""The command line: every verb is one method of ``graphlab.Graph``."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ingest.errors import GraphlabError

app = typer.Typer(
    name="graphlab",
    help="Graph analytics over connectome embeddings: a local graph folder, SQL-like patterns, exact motifs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class As(StrEnum):
    neurons = "neurons"
    synapses = "synapses"
    connections = "connections"
    embeddings = "embeddings"


class Kind(StrEnum):
    chemical = "chemical"
    electrical = "electrical"
    extrasynaptic = "extrasynaptic"


class Duplicates(StrEnum):
    sum = "sum"
    first = "first"
    refuse = "refuse"


class Unknown(StrEnum):
    add = "add"
    keep = "keep"
    refuse = "refuse"


class Engine(StrEnum):
    auto = "auto"
    duckdb = "duckdb"
    csr = "csr"


class Language(StrEnum):
    pgq = "pgq"
    dotmotif = "dotmotif"
    cypher = "cypher"
    sql = "sql"


GraphPath = Annotated[Path, typer.Argument(metavar="GRAPH", help="The graph folder.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document; ids as text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
NoProgress = Annotated[bool, typer.Option("--no-progress", help="No progress bars (off anyway without a terminal).")]


@app.command()
def demo(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="New folder for the demo.")] = Path("demo"),
    neurons: Annotated[int, typer.Option(help="Size of the made connectome.", min=50)] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed makes the same connectome.")] = 0,
    no_progress: NoProgress = False,
) -> None:
    """Make a connectome, ingest it, query it, count its motifs, write the report."""
    from graphlab.demo import run_demo
    from graphlab.terminal import progress_bars

    with progress_bars(off=no_progress) as bars:
        result = run_demo(directory, neurons=neurons, seed=seed, progress=bars)
    for line in result.lines:
        typer.echo(line)


@app.command()
def init(
    graph: GraphPath,
    dataset: Annotated[str | None, typer.Option(help="Name of the data set, shown everywhere.")] = None,
    resolution: Annotated[
        str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel, where sources have voxel positions.")
    ] = None,
    materialization: Annotated[str | None, typer.Option(help="Segmentation version that the ids belong to.")] = None,
) -> None:
    """Make a new, empty graph."""
    from graphlab.graph import Graph

    Graph.create(graph, dataset, resolution, materialization).close()
    typer.echo(f"made {graph}; next: graphlab ingest {graph} FILE --as connections")


@app.command()
def ingest(
    graph: GraphPath,
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="Files or shard folders, in order.")],
    as_: Annotated[As, typer.Option("--as", help="What the rows are.")],
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="cave, flywire, codex, neuprint, or OURS=THEIRS,... (default: our own names).",
        ),
    ] = None,
    resolution: Annotated[str | None, typer.Option(metavar="X,Y,Z", help="nm per voxel of the source.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN=V1,V2", help="Only rows with one of these values.")
    ] = None,
    no_header: Annotated[bool, typer.Option("--no-header", help="The first line is data already.")] = False,
    kind: Annotated[Kind | None, typer.Option(help="Kind of synapse, where the source names none.")] = None,
    duplicates: Annotated[Duplicates | None, typer.Option(help="What to do with repeated rows.")] = None,
    unknown: Annotated[Unknown, typer.Option(help="Neurons that only synapses or connections name.")] = Unknown.add,
    model: Annotated[str | None, typer.Option(help="Embeddings: name of the model.")] = None,
    segmentation_version: Annotated[
        str | None, typer.Option(help="Embeddings: segmentation that their ids belong to.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Of a reader: sheet=..., variable=...")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    no_progress: NoProgress = False,
) -> None:
    """Bring sources in, each in one transaction: all of it or nothing."""
    from dataclasses import asdict

    from graphlab.graph import Graph
    from graphlab.terminal import print_json, progress_bars

    options: dict[str, Any] = dict(_pairs(option, "--option"))
    if model:
        options["model"] = model
    if segmentation_version:
        options["segmentation_version"] = segmentation_version
    done = []
    with Graph.open(graph) as opened, progress_bars(off=no_progress or quiet) as bars:
        for source in sources:
            summary = opened.ingest(
                source,
                as_=as_.value,
                columns=_columns(columns),
                resolution=resolution,
                keep={name: value.split(",") for name, value in _pairs(keep, "--keep")},
                header=not no_header,
                kind=kind.value if kind else None,
                duplicates=duplicates.value if duplicates else None,
                unknown=unknown.value,
                progress=bars(f"reading {source.name}"),
                **options,
            )
            done.append(asdict(summary))
            if not json and not quiet:
                typer.echo(str(summary))
    if json:
        print_json(done)


@app.command()
def recipe(
    graph: GraphPath,
    min_score: Annotated[float | None, typer.Option(help="Synapses below this score do not count.")] = None,
    merge_within: Annotated[
        float | None, typer.Option(metavar="NM", help="Synapses of one pair closer than this count once.")
    ] = None,
) -> None:
    """Make the connections anew from the synapses, by a recorded recipe."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        info = opened.set_recipe(min_score, merge_within)
    typer.echo(f"{info.counts['connections']:,} connections by the recipe {info.recipe}")


@app.command()
def info(graph: GraphPath, json: Json = False) -> None:
    """Versions, counts, and what to know before asking."""
    from dataclasses import asdict

    from graphlab.graph import Graph
    from graphlab.terminal import print_json

    with Graph.open(graph, read_only=True) as opened:
        found = opened.info()
    if json:
        print_json(asdict(found))
        return
    typer.echo(f"{found.dataset or graph.name}  ({found.path})")
    typer.echo(
        f"  materialization {found.materialization or 'not given'}, voxels of {found.resolution or 'not given'} nm"
    )
    for name, count in found.counts.items():
        typer.echo(f"  {name.replace('_', ' '):22} {count:>14,}")
    for model in found.embeddings:
        typer.echo(
            f"  embeddings {model['model']}: {model['nodes']:,} nodes of {model['neurons']:,} neurons, "
            f"{model['width']} numbers, segmentation {model['segmentation_version']}"
        )
    if found.recipe:
        typer.echo(f"  recipe {found.recipe}")
    for note in found.notes:
        typer.echo(f"  - {note}")


@app.command()
def query(
    graph: GraphPath,
    text: Annotated[str, typer.Argument(metavar="TEXT|@FILE|-", help="The question, a file of it, or standard input.")],
    language: Annotated[Language | None, typer.Option(help="By the text itself when absent.")] = None,
    engine: Annotated[Engine, typer.Option(help="Which engine answers.")] = Engine.auto,
    explain: Annotated[bool, typer.Option("--explain", help="Say how it would be answered, and why.")] = False,
    count: Annotated[bool, typer.Option("--count", help="Only the number of rows.")] = False,
    limit: Annotated[int | None, typer.Option(help="At most so many rows.", min=0)] = None,
    parameter: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="A value for $NAME.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write .parquet, .csv, .arrow or .json instead.")
    ] = None,
    json: Json = False,
) -> None:
    """Ask a question: SQL with GRAPH_TABLE patterns, read-only."""
    from graphlab.graph import Graph
    from graphlab.terminal import print_json, print_result, rows_of, write_result

    with Graph.open(graph, read_only=True) as opened:
        result = opened.query(
            _text(text),
            language=language.value if language else None,
            engine=engine.value,
            limit=limit,
            parameters=dict(_pairs(parameter, "--parameter")) or None,
            **({"explain": True} if explain else {}),
        )
        if count:
            rows = sum(batch.num_rows for batch in result.batches())
            print_json([{"count": rows}]) if json else typer.echo(rows)
        elif output:
            typer.echo(f"{write_result(result, output):,} rows in {output}")
        elif json:
            print_json(rows_of(result.to_arrow()))
        else:
            print_result(result)


@app.command()
def motifs(
    graph: GraphPath,
    size: Annotated[int, typer.Option(help="2 (dyads), 3 (triads) or 4 (tetrads).")] = 3,
    samples: Annotated[int, typer.Option(help="Null samples; 0 counts only.", min=0)] = 0,
    kind: Annotated[Kind, typer.Option(help="Which connections.")] = Kind.chemical,
    min_weight: Annotated[float, typer.Option(help="Connections below it are left out.")] = 0.0,
    by: Annotated[str | None, typer.Option(metavar="COLUMN", help="Also per group of neurons, like cell_type.")] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write .parquet, .csv, .arrow or .json.")
    ] = None,
    json: Json = False,
) -> None:
    """Count every motif class exactly."""
    from graphlab.graph import Graph
    from graphlab.terminal import print_json, print_table, rows_of, write_table
    from ingest.errors import AnalysisError

    if samples:
        raise AnalysisError(
            "--samples: null models are not in this version, so nothing can be said about significance yet; "
            "--samples 0 counts the motifs"
        )
    with Graph.open(graph) as opened:
        result = opened.census(size, kind.value, min_weight, by)
    table = result.to_arrow()
    if output:
        typer.echo(f"{write_table(table, output):,} rows in {output}")
    elif json:
        print_json({"size": size, "kind": kind.value, "notes": list(result.notes), "motifs": rows_of(table)})
    else:
        print_table(table, title=f"motifs of size {size}")
        for note in result.notes:
            typer.echo(f"  - {note}")


@app.command()
def rerun(graph: GraphPath, run: Annotated[str, typer.Argument(help="Id of a recorded run.")]) -> None:
    """Recompute a recorded result and compare it, byte for byte."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        result = opened.rerun(run)
    if not result.equal:
        raise GraphlabError(f"run {run}: recorded {result.run.result_hash}, recomputed {result.new_hash}: they differ")
    typer.echo(f"run {run}: equal, {result.new_hash}")


@app.command()
def report(
    graph: GraphPath,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to write the HTML file.")] = None,
) -> None:
    """Write one self-contained HTML file a colleague can open without installing anything."""
    from graphlab.graph import Graph

    with Graph.open(graph) as opened:
        typer.echo(f"report: {opened.report(output)}")


def _text(text: str) -> str:
    if text == "-":
        return sys.stdin.read()
    if text.startswith("@"):
        path = Path(text[1:])
        if not path.is_file():
            raise GraphlabError(f"{path} does not exist; @FILE names a file with the question")
        return path.read_text(encoding="utf-8")
    return text


def _columns(text: str | None) -> str | dict[str, str] | None:
    """A dialect by name, or OURS=THEIRS pairs."""
    return text if text is None or "=" not in text else dict(_pairs(text.split(","), "--columns"))


def _pairs(items: list[str] | None, flag: str) -> list[tuple[str, str]]:
    pairs = []
    for item in items or []:
        name, equals, value = item.partition("=")
        if not (name and equals):
            raise GraphlabError(f"{flag}: found {item!r}; wanted NAME=VALUE")
        pairs.append((name.strip(), value.strip()))
    return pairs


def main() -> None:
    """Entry point: our errors become one message and exit code 1; wrong usage exits with 2."""
    try:
        app()
    except GraphlabError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        typer.echo("stopped; what was finished is kept", err=True)
        raise SystemExit(130) from None
    except BrokenPipeError:
        sys.stderr.close()
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
