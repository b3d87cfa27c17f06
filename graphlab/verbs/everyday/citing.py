"""The verb that says how a result came about, to paste into a methods section."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphlab.verbs.open_graph import OpenGraph
from ingest.schema.errors import SchemaError

if TYPE_CHECKING:
    from graphlab.store.runs.runs import Run


class CitingVerbs(OpenGraph):
    """What to write about data and results."""

    def methods(self, result: Any = None) -> str:
        """One paragraph: the data and its versions, how the result was found, what computed it, what to cite.

        Args:
            result: a run by its id, anything that names its run (``run_id``), an answer (Result); None for the data
                alone. A run is told with the data version that it was made on.

        Citations are those of public data sets whose files were ingested, known by the hashes of their content.

        Raises:
            UnknownNameError: no such run. SchemaError: something that names no run.
        """
        from graphlab.store.information import information
        from graphlab.store.runs import runs
        from graphlab.store.wiring.recipe import recipe_text
        from queries.result import Result

        info = information(self._folder)
        version = f" (materialization {info.materialization})" if info.materialization else ""
        part = f", {info.subset}" if info.subset else ""
        told = [
            f"{info.dataset or 'The data'}{version}, data version {info.data_version}{part}: "
            f"{info.counts['neurons_in_graph']:,} neurons and {info.counts['chemical']:,} chemical connections; "
            f"{recipe_text(info.recipe)}."
        ]
        if isinstance(result, Result) and not getattr(result, "run_id", ""):
            notes = "".join(f" {note}." for note in result.notes)
            found = f" by {result.engine}: {_one_line(result.sql)}" if result.sql else f" by {result.engine}"
            told.append(f"The answer of {len(result):,} rows was found{found}.{notes}")
        elif result is not None:
            run_id = result if isinstance(result, str) else getattr(result, "run_id", None)
            if not isinstance(run_id, str):
                raise SchemaError(
                    f"{type(result).__name__} names no run; wanted a run id (`graphlab runs`), or an answer"
                )
            told.append(_of_run(runs.get(self._folder, run_id), info.data_version))
        used = runs.versions()
        told.append(
            f"Computed with graphlab {used['graphlab-connectome']}, Python {used['python']}, DuckDB {used['duckdb']}, "
            f"NumPy {used['numpy']} and Numba {used['numba']}."
        )
        return " ".join([*told, *(f"Cite: {citation}" for citation in self._citations())])

    def _citations(self) -> list[str]:
        """Of the public data sets of which files were ingested."""
        from ingest.datasets import DATASETS

        rows = self._folder.cursor().execute("SELECT inputs FROM runs WHERE verb = 'ingest'").fetchall()
        hashes = {value for (inputs,) in rows for value in json.loads(inputs).values()}
        sums = {name: {file.sha256 for file in one.files if file.sha256} for name, one in DATASETS.items()}
        return [one.citation for name, one in DATASETS.items() if sums[name] & hashes]


def _of_run(run: Run, version: str) -> str:
    """What a run did."""
    said = ", ".join(f"{name} {json.dumps(value)}" for name, value in run.parameters.items() if value not in (None, []))
    seed = f", seed {run.seed}" if run.seed is not None and "seed" not in run.parameters else ""
    on = "" if run.data_version == version else f", on data version {run.data_version}"
    message = f" {run.message}." if run.message else ""
    return f"Run {run.run_id} ({run.verb}{on}): {said or 'no parameters'}{seed}.{message}".replace("..", ".")


def _one_line(text: str) -> str:
    return " ".join(text.split())
