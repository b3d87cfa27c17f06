"""From a raw synapse table to a figure, a methods paragraph, and a folder from which the result can be done again.

    python examples/motif_figure.py synapses.csv out --columns cave --resolution 4,4,40

``out`` then holds the graph (``graph``), the page (``motifs.html``), its tables, figure and methods paragraph
(``motifs_files``), and ``rerun.txt`` with the command that recomputes the result and compares it byte for byte. Send
the folder to a colleague: it is everything.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from graphlab import Graph


def main() -> None:
    """Read the arguments, do the work, say where things are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("synapses", type=Path, help="the raw table: CSV, Parquet, Feather, ...")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--neurons", type=Path, help="a table of neurons with cell types, if there is one")
    parser.add_argument("--columns", help="cave, flywire, codex, neuprint; our own names when absent")
    parser.add_argument("--resolution", help="nm per voxel X,Y,Z, where the table has voxels")
    parser.add_argument("--dataset", help="name of the data set, shown everywhere")
    parser.add_argument("--min-weight", type=float, default=0.0, help="connections below it are left out")
    parser.add_argument("--null", default="reciprocal")
    parser.add_argument("--samples", type=int, default=600, help="519 are the fewest for q .05 over 13 triads")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()

    given.out.mkdir(parents=True)
    name = given.dataset or given.synapses.stem
    with Graph.create(given.out / "graph", dataset=name, resolution=given.resolution) as graph:
        if given.neurons:
            print(graph.ingest(given.neurons, as_="neurons"))
        print(graph.ingest(given.synapses, as_="synapses", columns=given.columns))
        found = graph.motifs.significance(
            3, null=given.null, samples=given.samples, seed=given.seed, min_weight=given.min_weight
        )
        page = graph.report(given.out / "motifs.html", motifs=found)
        run = graph.motifs.kept_significance()[0][0]
    (given.out / "rerun.txt").write_text(f"graphlab rerun graph {run}\n", encoding="utf-8")
    print(f"page: {page}\nfigure: {page.parent / 'motifs_files' / f'motifs_3_{found.null}.svg'}")
    print(
        f"methods: {page.parent / 'motifs_files' / 'methods.txt'}\nagain: cd {given.out} && graphlab rerun graph {run}"
    )


if __name__ == "__main__":
    main()
