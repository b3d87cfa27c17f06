"""The CSR engine: patterns by a worst-case-optimal join over filtered adjacency lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from ingest.running.machine_code import Kernel
from ingest.schema.limits import as_bytes
from queries.csr import needs as csr_needs
from queries.csr.estimate import COLD, LINKED, estimate_join, note_degrees
from queries.csr.kernels import kept as kernels
from queries.csr.kernels.kept import LISTS
from queries.csr.lists import column_of
from queries.csr.relations import WHOLE_NUMBERS, Relations, vertices_of
from queries.planning.bound import BoundPattern
from queries.planning.columns import columns_of
from queries.planning.executor import CostEstimate
from queries.planning.plan import closes_circle
from queries.planning.symmetry import automorphisms, without_automorphisms
from queries.planning.values import Values
from queries.result import plain_types
from queries.source import Limits, Source

ALIKE = 6
"""Up to so many vertices it is looked which of them are interchangeable."""


class CSRExecutor:
    """Matches vertex by vertex in compiled kernels, which are loaded when they are first called."""

    name = "csr"

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers
        self._answered = False

    @property
    def loading_s(self) -> float:
        """Nothing once it has answered; linking kept machine code, where it is there, takes far less than numba."""
        return 0.0 if self._answered else self._loading_s(LISTS)

    def _loading_s(self, kernels: Iterable[Kernel]) -> float:
        """Seconds for kernels that are called next: those that nobody called on this machine are compiled first."""
        if not all(kernel.ready for kernel in kernels):
            return COLD
        return 0.0 if self._answered else LINKED

    def refusal(self, bound: BoundPattern, source: Source) -> str | None:
        """Repeated edges, paths, and keys that are no whole numbers are SQL's."""
        reason = csr_needs.refusal(bound)
        if reason is not None:
            return reason
        if bound.derived:
            return f"{next(iter(bound.derived.values())).name} is made by SQL when it is asked for"
        for vertex in bound.pattern.vertices:
            table = bound.vertex_tables[vertex.variable]
            kind = columns_of(source, table.table)[table.key]
            if kind not in WHOLE_NUMBERS:
                return f"the key {table.key} of {table.table} is {kind}, not a whole number"
        for edge in bound.pattern.edges:
            ends = [bound.vertex_tables[name] for name in (edge.source, edge.target)]
            wanted = {columns_of(source, end.table)[end.key] for end in ends}
            for edge_table in bound.edge_tables[edge.variable]:
                types = columns_of(source, edge_table.table)
                if {types[edge_table.source_key], types[edge_table.target_key]} != wanted:
                    return f"the ends of {edge_table.table} have another type than the keys of its vertices"
        for table in dict.fromkeys(bound.vertex_tables[v.variable] for v in bound.pattern.vertices):
            if not vertices_of(source, table, Limits()).unique:
                return f"{table.table} has several rows of one {table.key}"
        return None

    def measure(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> None:
        """From the numbered rows that the join would load anyway, where its kernels are at hand."""
        if self.loading_s < COLD:
            note_degrees(bound, source, parameters)

    def estimate(self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any]) -> CostEstimate:
        """Loading and sorting the lists, then the entries that the join looks at; see csr_estimate."""
        relations = Relations(bound, source, parameters, Limits())
        kept = {edge.variable: relations.holds(edge) for edge in bound.pattern.edges}
        return estimate_join(bound, source, parameters, kept, self._loading_s(kernels_of(bound)))

    def inline(self, bound: BoundPattern, values: Values) -> None:
        """Its rows are handed over."""

    def execute(
        self, bound: BoundPattern, source: Source, parameters: Mapping[str, Any], limits: Limits
    ) -> pa.RecordBatchReader:
        """Count where only a count is asked; otherwise list, gather columns, and leave the rest to SQL."""
        from queries.csr.alike import SmallestMatches, looks_up
        from queries.csr.output import OutputColumns, answered_by_sql, wanted_columns
        from queries.csr.program import best_order, compiled, four_cycle_program, load
        from queries.csr.run import CSRRun, coalesce_batches
        from queries.csr.triangles import closed_lists, closed_matches, closed_patterns, closed_relation, listing_pays

        self._answered = True
        limits = _capped(limits, source)
        needs = csr_needs.needs_of(bound)
        alike = bound.pattern.alike if needs.plain and looks_up(bound) else ()
        if alike:
            bound = bound.bound_pattern(replace(bound.pattern, alike=()))
            needs = csr_needs.needs_of(bound)
        pattern = needs.bound.pattern
        counting = pattern.only_counts and needs.plain and pattern.limit is None and pattern.skip is None
        counting = counting and not pattern.alike
        wanted = {} if counting else wanted_columns(needs, Values(parameters))
        relations, run = Relations(needs.bound, source, parameters, limits), CSRRun(limits, self.workers)
        lists = closed_lists(needs, relations) if counting and not alike else None
        limits.check()
        if lists is not None:
            return _one(pattern.columns[0].name, closed_patterns(run, needs, lists))
        loaded = load(needs, relations, wanted)
        limits.check()
        least = SmallestMatches(loaded, alike) if alike else None
        if counting and all(relation.single for relation in loaded.relations.values()):
            if least is not None:
                order, _ = best_order(loaded)
                kept = least.of(order, run.matches(compiled(loaded, order)), None)
                return _one(pattern.columns[0].name, sum(map(len, kept)))
            ways = 1
            if pattern.semantics.vertices_differ and not pattern.symmetry:
                # Matches that differ by exchanging alike vertices are counted once, times the ways to exchange them.
                ways = len(automorphisms(pattern)) if len(pattern.vertices) <= ALIKE else 1
                if ways > 1:
                    needs = csr_needs.needs_of(bound.bound_pattern(without_automorphisms(pattern)))
                    loaded = load(needs, Relations(needs.bound, source, parameters, limits), {})
            order, expected = best_order(loaded, listing=False)
            met = four_cycle_program(loaded)
            if met is not None and met.entries < expected:
                number = run.meetings(met)
            else:
                number = run.count(compiled(loaded, order))
            return _one(pattern.columns[0].name, ways * number)
        order, expected = best_order(loaded)
        gathered = OutputColumns(loaded, source, parameters, limits)
        outputs = gathered.direct()
        if outputs is not None:
            most = pattern.limit if isinstance(pattern.limit, int) else None
            single = all(relation.single for relation in loaded.relations.values())
            closed = closed_relation(loaded)
            if least is not None:
                matches = least.of(order, run.matches(compiled(loaded, order)), most)
            elif closed is not None and listing_pays(closed, expected):
                order, matches = loaded.variables, closed_matches(run, loaded, closed, most)
            else:
                matches = run.matches(compiled(loaded, order), most)
            parts = [gathered.batch(outputs, tuple(order), np.empty((0, len(order)), np.int32))]
            rows, result_bytes = 0, 0
            for nodes in coalesce_batches(matches):  # every match of vertices has at least one row
                if most is not None and rows >= most:
                    break
                parts.append(gathered.batch(outputs, tuple(order), nodes))
                rows += parts[-1].num_rows
                result_bytes += parts[-1].nbytes
                limits.check(result_bytes + run.held)
            table = pa.Table.from_batches(parts)
            if most is not None and not single:
                table = table.slice(0, most)
            return plain_types(table).to_reader()

        program = compiled(loaded, order)

        def batches() -> Iterator[pa.RecordBatch]:
            for nodes in run.matches(program) if least is None else least.of(order, run.matches(program), None):
                yield gathered.structs(program.order, nodes)

        def stop() -> None:
            run.stop[0] = 1

        return plain_types(answered_by_sql(gathered, batches(), stop)).to_reader()


def kernels_of(bound: BoundPattern) -> tuple[Kernel, ...]:
    """Kernels that an answer may call: lists of every pattern, then triangles, meetings over a pair, or the join."""
    pattern = bound.pattern
    if len(pattern.vertices) == 3 and closes_circle(bound):
        return (*LISTS, kernels.triangles) if pattern.only_counts else (*LISTS, kernels.list_triangles, kernels.join)
    if len(pattern.vertices) == 4 and pattern.only_counts and closes_circle(bound):
        return (*LISTS, kernels.meetings, kernels.join)
    return (*LISTS, kernels.join)


def _one(name: str, number: int) -> pa.RecordBatchReader:
    return pa.table({name: column_of(np.array([number], np.int64))}).to_reader()


def _capped(limits: Limits, source: Source) -> Limits:
    """Limits with DuckDB's own memory limit where the caller gave none: an error comes before the kernel's killer."""
    if limits.memory_limit is not None:
        return limits
    if "memory limit" not in source.cache:
        setting = source.connection.execute("SELECT current_setting('memory_limit')").fetchall()[0][0]
        source.cache["memory limit"] = as_bytes(str(setting))
    return replace(limits, memory_limit=source.cache["memory limit"])
