"""The seam of report sections: what a section is told, what it needs to be there, and how it is offered.

Ours are entered in ``graphlab.report``; other packages offer theirs in the entry-point group
``graphlab.report_sections``. ``graphlab.testing.report_sections`` holds the contract.

Tests: tests/graphlab/report/sections/test_predictions.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from graphlab.report.page import Section
from ingest.registry import Registry

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.activity.section import ActivitySection
    from graphlab.charts.plots.raster import RasterPlot
    from graphlab.motifs.census.census import Census
    from graphlab.motifs.significance.motifs import Significance
    from graphlab.store.embeddings.files import EmbeddingSet
    from graphlab.store.information import GraphInfo
    from queries.result import Result
    from queries.snapshot import Snapshot


class ReportedMotifs(Protocol):
    """What a report asks of ``graph.motifs``."""

    def census(self, size: int) -> Census: ...

    def kept_significance(self) -> list[tuple[str, Significance]]: ...

    def kept_mining(self) -> list[tuple[str, pa.Table]]: ...

    def instances(
        self, motif: str, size: int, *, kind: str, min_weight: float, limit: int, compartment: str | None = None
    ) -> pa.Table: ...


class ReportedCircuits(Protocol):
    """What a report asks of ``graph.circuits``."""

    def latest_statistics(self) -> tuple[str, pa.Table, Mapping[str, list[str]]] | None: ...


class ReportedEmbeddings(Protocol):
    """What a report asks of ``graph.embeddings``."""

    def open(self, model: str | None) -> EmbeddingSet: ...


class ReportedActivity(Protocol):
    """What a report asks of ``graph.activity``."""

    def section(self) -> ActivitySection | None: ...


class ReportedPlots(Protocol):
    """What a report asks of ``graph.plot``."""

    def raster(self, run_id: str | None) -> RasterPlot: ...


class ReportedGraph(Protocol):
    """What a report asks of a graph; ``graphlab.Graph`` is one."""

    @property
    def path(self) -> Path: ...

    @property
    def motifs(self) -> ReportedMotifs: ...

    @property
    def circuits(self) -> ReportedCircuits: ...

    @property
    def embeddings(self) -> ReportedEmbeddings: ...

    @property
    def activity(self) -> ReportedActivity: ...

    @property
    def plot(self) -> ReportedPlots: ...

    def info(self) -> GraphInfo: ...

    def query(self, text: str, *, parameters: Mapping[str, Any] | None = None) -> Result: ...

    def snapshot(self, kind: str = "chemical", min_weight: float = 0.0, compartment: str | None = None) -> Snapshot: ...

    def neuron_values(self, snapshot: Snapshot, column: str) -> list[Any]: ...

    def to_arrow(self, table: str) -> pa.Table: ...


@dataclass(frozen=True)
class Subject:
    """What a page is about: a graph, or one result of ``motifs.significance`` on it."""

    graph: ReportedGraph
    found: Significance | None = None
    """The one result; None for a page about the whole graph."""
    others: Mapping[str, Significance] = field(default_factory=dict)
    """Results of other graphs by name."""

    @cached_property
    def info(self) -> GraphInfo:
        return self.graph.info()

    @cached_property
    def title(self) -> str:
        name = self.info.dataset or self.graph.path.name
        return f"{name}: {self.info.subset}" if self.info.subset else name

    @cached_property
    def results(self) -> tuple[Significance, ...]:
        """The one result, or the latest recorded one of every size and null."""
        if self.found is not None:
            return (self.found,)
        latest: dict[tuple[int, str], Significance] = {}
        for _, one in self.graph.motifs.kept_significance():
            latest.setdefault((one.size, one.null), one)
        return tuple(latest.values())

    @cached_property
    def statistics(self) -> tuple[str, pa.Table, Mapping[str, list[str]]] | None:
        """Run, rows and words of the last recorded statistics."""
        return self.graph.circuits.latest_statistics()

    @cached_property
    def wiring(self) -> Snapshot:
        """The wiring that the page is about, of the kind, least weight and compartments of its one result."""
        meta = (self.found.view_meta if self.found is not None else None) or {}
        kind, least = str(meta.get("kind", "chemical")), float(meta.get("min_weight", 0.0))
        return self.graph.snapshot(kind, least, meta.get("compartment"))


NEEDS: dict[str, Callable[[Subject], bool]] = {
    "connections": lambda subject: subject.wiring.m > 0,
    "significance": lambda subject: bool(subject.results),
    "one result": lambda subject: subject.found is not None,
    "other graphs": lambda subject: bool(subject.others),
    "mining": lambda subject: any(table.num_rows for _, table in subject.graph.motifs.kept_mining()[:1]),
    "statistics": lambda subject: subject.statistics is not None,
    "embeddings": lambda subject: bool(subject.info.embeddings) and subject.info.subset is None,
    "models": lambda subject: (subject.graph.path / "models").is_dir() and subject.info.subset is None,
    "whole graph": lambda subject: subject.info.subset is None,
}
"""What a section may need -> whether it is there; a section whose needs are not met is left out."""


class ReportSection(Protocol):
    """One part of a page."""

    @property
    def name(self) -> str:
        """Of its entry point."""
        ...

    @property
    def needs(self) -> frozenset[str]:
        """Of ``NEEDS``."""
        ...

    def make(self, subject: Subject) -> Section | None:
        """Its title, blocks and tables; None where there is nothing to say. The graph stays as it is."""
        ...


@dataclass(frozen=True)
class FunctionSection:
    """A section that a function makes."""

    name: str
    needs: frozenset[str]
    make: Callable[[Subject], Section | None]


def report_section(name: str, *needs: str) -> Callable[[Callable[[Subject], Section | None]], FunctionSection]:
    """Make a section of a function: ``@report_section("hubs", "connections")``."""
    return lambda make: FunctionSection(name, frozenset(needs), make)


SECTIONS: Registry[ReportSection] = Registry("report section", "graphlab.report_sections", ReportSection)
