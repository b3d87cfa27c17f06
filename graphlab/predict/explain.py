"""What a card says beyond scores: how sure answers are, and which sources of information they rest on."""

from __future__ import annotations

from functools import partial
from typing import Any

from graphlab.predict.controls.importance import as_card, left_out, shuffled
from graphlab.predict.learners.calibration import uncertainty, uncertainty_card
from graphlab.predict.protocol import TrainingRun
from ingest.running.progress import Progress
from ingest.schema.errors import AnalysisError


def explained(
    run: TrainingRun, name: str | None = None, repeats: int = 3, progress: Progress | None = None
) -> dict[str, Any]:
    """Entries for the card of a finished run: ``uncertainty`` of every predictor, ``importance`` for one.

    Args:
        run: finished. name: the predictor whose sources are asked about; none are when absent, which is much faster:
            it is fitted anew on every fold, and once more for each family of features. repeats: of shuffling.

    A way that does not suit the predictor is left out, and ``importance_notes`` says why.
    """
    task = run.task
    entries: dict[str, Any] = {
        "uncertainty": uncertainty_card(uncertainty(task.examples, run.held, task.bootstraps, task.seed))
    }
    if name is None:
        return entries
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for way in (partial(shuffled, repeats=repeats), left_out):
        try:
            rows += as_card(way(run, name, progress=progress))
        except AnalysisError as error:
            notes.append(str(error))
    return {**entries, "importance": rows, "importance_notes": notes}
