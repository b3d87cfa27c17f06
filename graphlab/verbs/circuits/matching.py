"""``graph.circuits.match``: homologues of two sides of one brain, or of two brains.

Tests: tests/graphlab/verbs/circuits/test_matching.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphlab.circuits.result import CircuitResult
from graphlab.circuits.weights.weights import Weights, require_connections
from graphlab.verbs.circuits.circuit_verbs import CircuitVerbs
from graphlab.verbs.circuits.others import Other, opened, place, require_versions, title_and_version
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError
from ingest.schema.ids import as_root_ids

if TYPE_CHECKING:
    from graphlab.circuits.matching.frank_wolfe import Block

Nodes = npt.NDArray[np.int64]


class MatchVerbs(CircuitVerbs):
    """Who is whose homologue."""

    def match(
        self,
        first: Any,
        second: Any,
        *,
        other: Other | None = None,
        known: Any = None,
        across: bool = True,
        within_type: str | None = None,
        alike: Sequence[str] = (),
        likeness: float = 1.0,
        starts: int = 5,
        folds: int = 5,
        most_steps: int = 30,
        seed: int = 0,
        across_versions: bool = False,
        versions: Sequence[str] | None = None,
        record: bool = True,
        progress: Progress | None = None,
        **settings: Any,
    ) -> CircuitResult:
        """Match neurons of ``first`` with those of ``second`` by their wiring (log of one plus the weight).

        Args:
            first, second: neurons, such as {"side": "left"} and {"side": "right"}; sides are the labels of neurons,
                never taken from positions.
            other: the graph that ``second`` belongs to; this one when None.
            known: pairs that are right: a column of ``neurons`` that holds the partner's root_id, a mapping, or rows
                of two ids. They stay, and with twenty or more calibrate confidence.
            across: use connections between the two sides, too (bisected matching).
            within_type: column of ``neurons``: only neurons of one value are matched, those without one never. Memory
                goes with the largest group, so this is how tens of thousands of neurons are matched.
            alike: columns of ``neurons`` whose equal values speak for a pair, each as much as ``likeness`` times the
                mean matched weight of a neuron.
            starts: searches from shuffled neurons; ``agreement`` is the share of them that give a pair.
            folds: parts of the known pairs held out in turn; 0 for no confidence.
            across_versions: allow graphs of different materializations of one data set.
            versions: of the other graph's data, as a run keeps it.

        Returns:
            root_id, partner_root_id (null for none), known, shared (share of the pair's weight that goes to matched
            partners in both), margin, agreement, confidence (null where it was not calibrated); surest first.

        Raises:
            AnalysisError: no neuron on a side, a neuron on both, known pairs that name others or one twice.
        """
        import pyarrow as pa

        from graphlab.circuits.matching.confidence import LEAST_KNOWN, agreed_matching
        from graphlab.circuits.matching.frank_wolfe import objective
        from graphlab.circuits.matching.sides import equal_values, groups_of, sides_between

        if folds < 0 or most_steps < 1 or not math.isfinite(likeness):
            raise AnalysisError(
                f"folds is {folds}, most_steps {most_steps}, likeness {likeness:g}; wanted 0 or more, 1 or more, and a "
                "number"
            )
        chosen = self._settings(settings)
        with ExitStack() as stack:
            one = None if other is None else stack.enter_context(opened(other))
            if one is not None and versions is not None:
                require_versions([one], versions)
            there: CircuitVerbs = self if one is None else CircuitVerbs(one)
            parameters = {
                **chosen.plain(), "first": self._choice("first", first), "second": there._choice("second", second),
                "other": None if one is None else place(one), "across": across and one is None,
                "known": self._plain_known(known), "within_type": within_type, "alike": list(alike),
                "likeness": likeness, "starts": starts, "folds": folds, "most_steps": most_steps, "seed": seed,
                "across_versions": across_versions,
                "versions": None if one is None else [str(one.folder.meta("data_version"))],
            }  # fmt: skip
            run = self._start_run("match", parameters, seed=seed, record=record)
            notes = [] if one is None else [title_and_version(self, one, across_versions)]
            here, beyond = self._read(chosen), None if one is None else there._read(chosen)
            require_connections(here)
            if beyond is not None:
                require_connections(beyond)
            left, right = self._nodes("first", first, here), there._nodes("second", second, beyond or here)
            if beyond is None and (both := np.intersect1d(left, right)).size:
                raise AnalysisError(
                    f"{len(both):,} neurons are in first and in second, such as {here.graph.root_ids[both[0]]}; "
                    "name two sides that have none in common"
                )
            sides = sides_between(here, left, beyond or here, right, across and beyond is None)
            names = [
                self.neuron_values(here.graph, within_type) if within_type else None,
                there.neuron_values((beyond or here).graph, within_type) if within_type else None,
            ]
            blocks, free = groups_of(left, right, names)
            columns = [
                (self.neuron_values(here.graph, name), there.neuron_values((beyond or here).graph, name))
                for name in alike
            ]
            extra = equal_values(columns, left, right, blocks, likeness, sides)
            seeds = self._seeds(parameters["known"], here, left, beyond or here, right, blocks)
            found = agreed_matching(sides, blocks, seeds, extra, starts, folds, seed, progress, most_steps)
            ids, theirs = here.graph.root_ids[left], (beyond or here).graph.root_ids[right]
        matched = found.partner >= 0
        is_known = np.isin(np.arange(len(left)), seeds[:, 0])
        table = pa.table(
            {
                "root_id": pa.array(ids, pa.uint64()),
                "partner_root_id": pa.array(theirs[np.maximum(found.partner, 0)], pa.uint64(), mask=~matched),
                "known": pa.array(is_known),
                **{
                    name: pa.array(values, pa.float64(), mask=~np.isfinite(values) | ~matched)
                    for name, values in (
                        ("shared", found.shared), ("margin", found.margin), ("agreement", found.agreement),
                        ("confidence", np.where(is_known, np.nan, found.confidence)),
                    )
                },
            }
        )  # fmt: skip
        surest = np.lexsort((ids, -np.nan_to_num(found.shared), -np.nan_to_num(found.confidence)))
        notes += [
            f"matching: {len(left):,} neurons with {len(right):,}, {int(matched.sum()):,} pairs, {len(seeds):,} of "
            f"them known; {starts} starts; connections between the sides "
            f"{'are' if sides.across is not None else 'not'} used"
        ]
        if free:
            notes.append(f"{free:,} neurons have no {within_type}, or nobody of it on the other side: never matched")
        if np.isnan(found.held_out_accuracy):
            notes.append(f"confidence is not told: it takes {LEAST_KNOWN} known pairs and two folds or more")
        else:
            notes.append(
                f"confidence is calibrated on known pairs, each matched while held out: "
                f"{found.held_out_accuracy:.1%} of {len(seeds):,} were right"
            )
        about = {
            "pairs": int(matched.sum()), "matched_weight": objective(sides, found.partner),
            "held_out_accuracy": found.held_out_accuracy,
        }  # fmt: skip
        return self._kept(run, table.take(surest), "matched_neurons", [*notes, *here.notes], about)

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        return {**super().repeatable(), "match": self.match}

    @staticmethod
    def _plain_known(known: Any) -> Any:
        """A column's name, or pairs of ids as lists."""
        if known is None or isinstance(known, str):
            return known
        if hasattr(known, "to_numpy"):
            known = known.to_numpy()
        pairs = list(known.items()) if isinstance(known, Mapping) else [tuple(pair) for pair in known]
        if any(len(pair) != 2 for pair in pairs):
            raise AnalysisError("known: wanted a column of neurons, a mapping, or rows of two root_ids")
        return [[int(as_root_ids([one])[0]) for one in pair] for pair in pairs]  # each apart: no floats between them

    def _seeds(
        self, known: Any, here: Weights, left: Nodes, there: Weights, right: Nodes, blocks: Sequence[Block]
    ) -> Nodes:
        from graphlab.circuits.matching.sides import is_id, numbers_on_side

        if known is None:
            return np.empty((0, 2), np.int64)
        if isinstance(known, str):
            values = self.neuron_values(here.graph, known)
            own = here.graph.root_ids
            pairs = [(int(own[i]), int(values[i])) for i in left.tolist() if is_id(values[i])]
            inside = np.isin([pair[1] for pair in pairs], there.graph.root_ids[right])
            pairs = [pair for pair, kept in zip(pairs, inside, strict=True) if kept]
        else:
            pairs = [(int(a), int(b)) for a, b in known]
        i = numbers_on_side([a for a, _ in pairs], here, left, "first")
        j = numbers_on_side([b for _, b in pairs], there, right, "second")
        if len(set(i.tolist())) < len(i) or len(set(j.tolist())) < len(j):
            raise AnalysisError("known: a neuron stands in two pairs; wanted each neuron once")
        block_of = np.full(len(left), -1)
        other_of = np.full(len(right), -2)
        for number, block in enumerate(blocks):
            block_of[block.first], other_of[block.second] = number, number
        apart = block_of[i] != other_of[j]
        if apart.any():
            at = int(np.flatnonzero(apart)[0])
            raise AnalysisError(
                f"known: {pairs[at][0]} and {pairs[at][1]} are of different groups ({int(apart.sum()):,} pairs like "
                "that); correct the pair or the types, or leave within_type out"
            )
        return np.stack([i, j], axis=1).astype(np.int64).reshape(-1, 2)
