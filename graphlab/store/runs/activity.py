"""Results about activity with their runs: written once, an earlier run of the same work replaced."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa

from graphlab.store.folder import Folder
from graphlab.store.runs import runs, waiting


def run_of(folder: Folder, verb: str, parameters: dict[str, Any], inputs: dict[str, str], seed: int) -> runs.Run:
    """The run that this work on the present data has, before it is done."""
    return runs.new_run(folder, verb, parameters, inputs, seed)


def record_tables(
    folder: Folder, run: runs.Run, tables: Mapping[str, pa.Table], notes: list[str], started: datetime.datetime
) -> runs.Run:
    """Write ``tables`` (name -> rows, without run_id) under ``run`` in one transaction.

    Columns that a table of the graph does not have are an error of ours, not left out.
    """
    digest = "".join(f"{name} {runs.hash_table(table)}\n" for name, table in sorted(tables.items()))
    run = replace(run, result_hash=runs.hash_table(pa.table({"tables": [digest]})), message="; ".join(notes))
    waiting.record_result(folder, run, tables, started)
    return run
