"""Runs that rest on what was seen of a graph: one that repeats another must see the same.

Tests: tests/graphlab/predict/proofread/test_synapse_labels.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphlab.store.folder import Folder
from graphlab.store.runs.results import ActiveRun, Repetition, start_run
from ingest.schema.errors import VersionError


def start_seen_run(
    folder: Folder,
    verb: str,
    parameters: Mapping[str, Any],
    inputs: Mapping[str, str] | None = None,
    repetition: Repetition | None = None,
) -> ActiveRun:
    """Begin a run whose parameters say what was seen; one that repeats another must see and use the same.

    Raises:
        VersionError: it repeats a run that saw something else, or used other weights.
    """
    if repetition is not None:
        now = json.loads(json.dumps(dict(parameters)))
        before = repetition.run.parameters
        changed = [name for name in now if now[name] != before.get(name)]
        changed += ["weights of the model"] if dict(inputs or {}) != repetition.run.inputs else []
        if changed:
            raise VersionError(
                f"run {repetition.run.run_id} rests on what is no more as it was ({', '.join(changed)}): a model was "
                "trained again, or embeddings were joined or placed anew. Do the work again for a new run"
            )
    return start_run(folder, verb, dict(parameters), dict(inputs or {}), repetition=repetition)
