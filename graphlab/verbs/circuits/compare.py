"""Comparisons of ``graph.circuits``: statistics, connections between types and motifs of this graph and others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphlab.circuits.result import CircuitResult
from graphlab.store import tables
from graphlab.verbs.circuits.others import Other, data_version, opened, place, require_versions
from graphlab.verbs.circuits.statistics import OF_WEIGHTS, StatisticsVerbs, connection_notes, measured, texts
from graphlab.verbs.open_graph import OpenGraph
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.circuits.statistics.between import Brain
    from queries.snapshot import Snapshot

LEVELS = {
    "statistics": ("name", "label", "threshold"),
    "types": ("pre_type", "post_type"),
    "motifs": ("name",),
}
"""Level -> the parts of a key."""


class CompareVerbs(StatisticsVerbs):
    """Differences between graphs."""

    def compare(
        self,
        others: Other | Sequence[Other],
        level: str = "statistics",
        *,
        with_: Sequence[Other] = (),
        names: Sequence[str] | None = None,
        by: str = "cell_type",
        size: int = 3,
        across_versions: bool = False,
        versions: Sequence[str] | None = None,
        seed: int = 0,
        workers: Workers = 1,
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CircuitResult:
        """This graph (and those in ``with_``) against others, number by number, beside what their sides differ by.

        Connections one by one are ``graph.compare``'s. Brains are the replicates, neurons are not: with fewer than
        three brains in either group differences are described and nothing is tested.

        Args:
            others: graphs, open or by their folders.
            level: statistics; types (mean weight that a cell receives from a type); motifs (share of every connected
                class of ``size`` neurons).
            with_: further graphs of this one's group.
            names: statistics; by default those that every graph has the columns for, without those that search
                (paths, betweenness, small-world).
            by: column of ``neurons`` with the types.
            across_versions: allow graphs of different materializations of one data set.
            versions: of the data of each other graph, as a run keeps them.
            settings: kind, min_weight, within, proofread, compartment; the same for every graph.

        Returns:
            level, the parts of the key, first, second, difference, ratio, left_right, beyond_left_right, p, q, note.

        Raises:
            VersionError: different materializations, and across_versions was not said. AnalysisError: a graph without
                connections or types. UnknownNameError: no such level, statistic or column.
        """
        import pyarrow as pa

        from graphlab.circuits.statistics.between import Version, differences, require_comparable

        if level not in LEVELS:
            raise UnknownNameError("level of a comparison", level, LEVELS)
        for name in settings:
            if name not in OF_WEIGHTS:
                raise UnknownNameError("setting of a comparison", name, OF_WEIGHTS)
        second: list[Other] = [others] if isinstance(others, OpenGraph | str | Path) else list(others)
        with ExitStack() as stack:
            graphs = [stack.enter_context(opened(one)) for one in (*with_, *second)]
            if versions is not None:
                require_versions(graphs, versions)
            parameters = {
                "others": [place(one) for one in second], "with_": [place(one) for one in with_], "level": level,
                "names": None if names is None else list(names), "by": by, "size": size, "seed": seed,
                "across_versions": across_versions, "versions": [data_version(one) for one in graphs],
                **{name: getattr(self._split(settings)[0], name) for name in OF_WEIGHTS},
            }  # fmt: skip
            subsets = [one for one in graphs if one.folder.part is not None]
            run = self._start_run("circuits_compare", parameters, {}, seed, record=record and not subsets)
            every = [self, *(CompareVerbs(one) for one in graphs)]
            titles = _titles([one.path for one in every])
            said = [
                Version(title, _text(one.folder.meta("dataset")), _text(one.folder.meta("materialization")))
                for title, one in zip(titles, every, strict=True)
            ]
            notes = [require_comparable(said, across_versions)]
            notes += [
                f"{one.path.name} is {one.folder.part}; a run cannot name it, so none was kept" for one in subsets
            ]
            brains, more = _BRAINS[level](every, titles, names, by, size, seed, workers, settings, progress)
            first = brains[: 1 + len(with_)]
            table = differences(first, brains[1 + len(with_) :], LEVELS[level])
        table = table.add_column(0, "level", pa.array([level] * table.num_rows, pa.string()))
        notes += [f"{len(first)} against {len(second)} brains; neurons are no replicates", *more]
        return self._kept(run, table, "graph_differences", notes)

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {**super().repeatable(), "circuits_compare": self.compare}


def _titles(paths: Sequence[Path]) -> list[str]:
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


SEARCHING = ("paths", "betweenness", "small-world", "percolation", "centralities")
"""What a comparison leaves out where nobody names statistics: it takes long, or is of single neurons."""


def _statistics(
    every: Sequence[CompareVerbs], titles: Sequence[str], names: Sequence[str] | None, by: str, size: int, seed: int,
    workers: Workers, settings: Any, progress: Progress | None,
) -> tuple[list[Brain], list[str]]:  # fmt: skip
    from graphlab.circuits.statistics.between import Brain
    from graphlab.circuits.statistics.statistic import Told
    from graphlab.circuits.statistics.table import chosen

    graphs, notes = _graphs(every, titles, settings)
    columns = [one.columns_of(graph) for one, graph in zip(every, graphs, strict=True)]
    common = set.intersection(*map(set, columns))
    wanted, left_out = chosen(names, sorted(common))
    if names is None:
        wanted = [name for name in wanted if name not in SEARCHING]
        notes.append(f"without {', '.join(SEARCHING)}, which are compared where they are named")
    brains = []
    for number, (title, graph) in enumerate(zip(titles, graphs, strict=True)):
        told = Told(columns[number], seed=seed, workers=workers)
        found = measured(graph, wanted, told, _has_sides(columns[number].get("side")), names is None)
        notes += [f"{title}: {note}" for note in found.notes]
        sides = (found.left_right[0], found.left_right[1]) if found.left_right else None
        brains.append(Brain(title, {value.key: value.value for value in found.values}, sides))
        if progress:
            progress(number + 1, len(every))
    return brains, [*notes, *left_out, *_sideless(brains)]


def _types(
    every: Sequence[CompareVerbs], titles: Sequence[str], names: Sequence[str] | None, by: str, size: int, seed: int,
    workers: Workers, settings: Any, progress: Progress | None,
) -> tuple[list[Brain], list[str]]:  # fmt: skip
    from graphlab.circuits.statistics.between import type_brains
    from graphlab.circuits.statistics.sides import side_words
    from graphlab.circuits.statistics.types import type_connections

    graphs, notes = _graphs(every, titles, settings)
    named = []
    for one, graph, title in zip(every, graphs, titles, strict=True):
        types = texts(tables.neuron_values(one.folder, graph, by))
        sides = texts(tables.neuron_values(one.folder, graph, "side"))
        kinds = {"all": {name for name in types if name}}
        if _has_sides(sides):
            words = side_words(sides)
            for side in ("left", "right"):
                kinds[side] = {name for name, word in zip(types, words, strict=True) if name and word == side}
        named.append((title, type_connections(graph, types, sides if "left" in kinds else None), kinds))
    known = [kinds["all"] for _, _, kinds in named]
    shared = set.intersection(*known)
    if not shared:
        raise AnalysisError(
            f"no {by} is in every graph ({', '.join(f'{t}: {len(k):,}' for t, k in zip(titles, known, strict=True))}); "
            "types are compared by their names"
        )
    notes.append(f"{len(shared):,} types are in every graph, {len(set.union(*known)):,} in any; numbers are mean "
                 "weights that a cell of the postsynaptic type receives")  # fmt: skip
    brains = type_brains(named)
    return brains, [*notes, *_sideless(brains)]


def _motifs(
    every: Sequence[CompareVerbs], titles: Sequence[str], names: Sequence[str] | None, by: str, size: int, seed: int,
    workers: Workers, settings: Any, progress: Progress | None,
) -> tuple[list[Brain], list[str]]:  # fmt: skip
    from graphlab.circuits.statistics.between import Brain, motif_shares
    from graphlab.circuits.statistics.by_side import both_sides

    graphs, notes = _graphs(every, titles, settings)
    brains = []
    for number, (one, graph, title) in enumerate(zip(every, graphs, titles, strict=True)):
        sides = texts(tables.neuron_values(one.folder, graph, "side"))
        apart = None
        if _has_sides(sides):
            apart = both_sides(graph, sides, lambda half, nodes: motif_shares(half, size, workers))
        brains.append(Brain(title, motif_shares(graph, size, workers), apart))
        if progress:
            progress(number + 1, len(every))
    notes.append(f"shares of every class among the connected sets of {size} neurons")
    return brains, [*notes, *_sideless(brains)]


_BRAINS: dict[str, Callable[..., tuple[list[Brain], list[str]]]] = {
    "statistics": _statistics, "types": _types, "motifs": _motifs,
}  # fmt: skip


def _graphs(every: Sequence[CompareVerbs], titles: Sequence[str], settings: Any) -> tuple[list[Snapshot], list[str]]:
    from graphlab.circuits.statistics.statistic import require_connections

    graphs, notes = [], []
    for one, title in zip(every, titles, strict=True):
        weights = one._read(one._split(settings)[0])
        require_connections(weights.graph)
        graphs.append(weights.graph)
        notes += [f"{title}: {weights.graph.n:,} neurons, {weights.graph.m:,} connections", *(
            f"{title}: {note}" for note in connection_notes(weights)
        )]  # fmt: skip
    return graphs, notes


def _has_sides(sides: Sequence[str | None] | None) -> bool:
    from graphlab.circuits.statistics.sides import side_words

    return sides is not None and {"left", "right"} <= set(side_words(sides))


def _sideless(brains: Sequence[Brain]) -> list[str]:
    without = [brain.name for brain in brains if brain.left_right is None]
    if not without:
        return []
    return [
        f"{', '.join(without)}: no neurons of both sides, so nothing shows how much the sides of this brain differ "
        "(sides are read from the column 'side', never from positions)"
    ]
