"""Verbs that count motifs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphlab.store import results
from graphlab.verbs.opened import Opened

if TYPE_CHECKING:
    import pyarrow as pa

    from graphlab.motifs.census import Census


class Counting(Opened):
    """Motif classes, counted exactly."""

    def census(
        self,
        size: int,
        kind: str = "chemical",
        min_weight: float = 0.0,
        by: str | None = None,
        **options: Any,
    ) -> Census:
        """Exact counts of every dyad, triad or tetrad class; recorded as a run when the graph is writable.

        Args:
            size: 2, 3 or 4.
            by: a column of ``neurons`` (cell_type, super_class): counts per group beside the whole.
        """
        import datetime

        from graphlab.motifs.census import census

        started = datetime.datetime.now(datetime.UTC)
        view = self.snapshot(kind, min_weight)
        labels = self.neuron_values(view, by) if by else None
        result = census(view, size, by=labels, **options)
        if not self._folder.read_only:
            parameters = {"size": size, "kind": kind, "min_weight": min_weight, "by": by}
            results.record_census(self._folder, result.to_arrow(), parameters, started)
        return result

    def _census_table(self, size: int, kind: str, min_weight: float, by: str | None) -> pa.Table:
        from graphlab.motifs.census import census

        view = self.snapshot(kind, min_weight)
        return census(view, size, by=self.neuron_values(view, by) if by else None).to_arrow()
