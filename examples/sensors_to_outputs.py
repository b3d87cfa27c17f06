"""From tables of neurons and connections to a figure: from sensors to outputs by layer, with the paths that carry it.

    python examples/sensors_to_outputs.py edges.csv neurons.csv out --sensors cell_type=eye --outputs cell_type=leg

``out`` then holds the graph (``graph``), the figure (``flow.svg``), layers by type (``layers.csv``), the paths
(``paths.csv``), what has to be said beside them (``notes.txt``), and ``rerun.txt`` with the commands that recompute
it all.

The larva of Winding et al. 2023 (files of neurodata/bilateral-connectome): ``G_edgelist.txt meta_data.csv out
--no-header --columns root_id=column0,cell_type=simple_group --sensors cell_type=sensories --outputs cell_type=dVNCs``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from graphlab import Graph


def criteria(text: str) -> dict[str, list[str]]:
    """``cell_type=ORN,PN`` as a choice of neurons."""
    column, _, values = text.partition("=")
    return {column: values.split(",")}


def main() -> None:
    """Read the arguments, do the work, say where things are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("connections", type=Path, help="pairs of neurons and their synapses")
    parser.add_argument("neurons", type=Path, help="neurons and their types")
    parser.add_argument("out", type=Path, help="a new folder")
    parser.add_argument("--sensors", required=True, type=criteria, metavar="COLUMN=VALUE,...")
    parser.add_argument("--outputs", required=True, type=criteria, metavar="COLUMN=VALUE,...")
    parser.add_argument("--columns", help="of the neurons: OURS=THEIRS,...")
    parser.add_argument("--no-header", action="store_true", help="the connections have no line of names")
    parser.add_argument("--min-weight", type=float, default=0.0, help="connections below it are left out")
    parser.add_argument("--paths", type=int, default=20, help="how many of the widest paths")
    given = parser.parse_args()

    given.out.mkdir(parents=True)
    pairs = dict(item.split("=", 1) for item in given.columns.split(",")) if given.columns else None
    with Graph.create(given.out / "graph", dataset=given.connections.stem) as graph:
        print(graph.ingest(given.neurons, as_="neurons", columns=pairs))
        print(graph.ingest(given.connections, as_="connections", header=not given.no_header))
        ends, settings = (given.sensors, given.outputs), {"min_weight": given.min_weight}
        results = {
            "direction": graph.circuits.signal_flow(**settings),
            "layers": graph.circuits.ranks(given.sensors, **settings),
            "cascade": graph.circuits.cascade(given.sensors, ends=given.outputs, runs=200, **settings),
            "paths": graph.circuits.flow_paths(*ends, most=given.paths, **settings),
        }
        layers = graph.query(
            "SELECT n.cell_type, count(*) AS neurons, avg(r.rank) AS layer, median(f.flow) AS signal_flow "
            "FROM neurons n JOIN traversal_ranks r ON r.root_id = n.root_id AND r.run_id = $ranks "
            "JOIN signal_flow f ON f.root_id = n.root_id AND f.run_id = $flow AND f.component = 0 "
            "GROUP BY ALL ORDER BY layer, cell_type",
            parameters={"ranks": results["layers"].run_id, "flow": results["direction"].run_id},
        )
        paths = graph.query(
            "SELECT p.path, p.step, p.root_id, n.cell_type, p.flow, p.denominator FROM flow_paths p "
            "JOIN neurons n USING (root_id) WHERE p.run_id = $run ORDER BY p.path, p.step",
            parameters={"run": results["paths"].run_id},
        )
        figure = graph.circuits.flow_diagram(*ends, **settings)
    layers.to_pandas().to_csv(given.out / "layers.csv", index=False)
    paths.to_pandas().to_csv(given.out / "paths.csv", index=False)
    (given.out / "flow.svg").write_text(str(figure), encoding="utf-8")
    notes = [f"{name}: {note}" for name, result in results.items() for note in result.notes]
    (given.out / "notes.txt").write_text("\n".join(notes) + "\n", encoding="utf-8")
    commands = [f"graphlab rerun graph {result.run_id}" for result in results.values()]
    (given.out / "rerun.txt").write_text("\n".join(commands) + "\n", encoding="utf-8")
    print(f"{given.out / 'flow.svg'}, {len(layers):,} types by layer, {results['paths'].about['paths']:,} paths")


if __name__ == "__main__":
    main()
