"""``graph.activity``: recordings related to behaviour and to the wiring.

Tests: tests/graphlab/verbs/motifs/test_namespace.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from graphlab.verbs.open_graph import Namespace
from ingest.running.progress import Progress
from ingest.schema.errors import SchemaError, UnknownNameError

if TYPE_CHECKING:
    from graphlab.activity.answers import Answer
    from graphlab.activity.section import ActivitySection
    from graphlab.activity.sessions.session import Session
    from queries.snapshot import Snapshot

OPTIONS = {
    "tuning": ("measures", "null", "surrogates", "detrend_s", "max_lag_s", "control"),
    "drivers": ("surrogates", "detrend_s"),
    "decoding": ("folds", "importance", "detrend_s", "surrogates"),
    "encoding": ("folds", "detrend_s", "surrogates"),
    "correlation": ("measure", "surrogates", "detrend_s"),
    "lagged": ("measure", "surrogates", "detrend_s", "max_lag_s"),
    "response": ("source", "rows"),
    "structure": ("run_id", "bootstraps", "permutations"),
    "enrichment": ("run_id", "level", "draws"),
}
"""Question -> what it can be told."""
WHAT = tuple(OPTIONS)


class Activity(Namespace):
    """Recordings against behaviour and wiring; every answer is kept under its run."""

    def sessions(self, animals: Sequence[str] | None = None) -> list[Session]:
        """Recordings of the named animals, all when None: traces, segments, identities, behaviours."""
        from graphlab.activity.sessions.session import load

        return load(self._folder, animals)

    def drop_animal(self, animal: str) -> list[str]:
        """Forget one recorded animal, its behaviours and identities; says what was dropped.

        Results computed with it stay. Its sources can be ingested again, with identities that came later for example.

        Raises:
            UnknownNameError: no such animal. SchemaError: nothing was recorded.
        """
        from graphlab.store.recordings.removal import drop_animal

        return drop_animal(self._folder, animal)

    def section(self) -> ActivitySection | None:
        """What a report shows of the recordings and the latest tuning; None without recordings."""
        from graphlab.activity.section import activity_section

        return activity_section(self._folder)

    def functional_snapshot(self, run_id: str | None = None, max_q: float | None = None) -> Snapshot:
        """Functional edges of one run as a graph, for ``census`` and paths; never several kinds in one."""
        from graphlab.store.wiring.functional_edges import functional_snapshot

        return functional_snapshot(self._folder, run_id, max_q)

    def correlate(
        self,
        what: str = "tuning",
        behaviors: Sequence[str] | None = None,
        animals: Sequence[str] | None = None,
        min_confidence: float | None = None,
        seed: int = 0,
        progress: Progress | None = None,
        **options: Any,
    ) -> Answer:
        """Ask one question of the recordings; the answer's rows are kept under a run when the graph is writable.

        Args:
            what: ``tuning`` (options measures, null, surrogates, detrend_s, max_lag_s, control), ``drivers``
                (surrogates, detrend_s), ``decoding`` (folds, importance, detrend_s, surrogates), ``encoding`` (folds,
                detrend_s, surrogates),
                ``correlation`` (measure, surrogates, detrend_s) and ``lagged`` (max_lag_s, too): functional edges;
                ``response`` (source, rows): measured ones in; ``structure`` (run_id, bootstraps, permutations);
                ``enrichment`` (run_id, level, draws).
            behaviors, animals: all when None.
            min_confidence: identities less sure than this do not count.

        Raises:
            UnknownNameError: such a question, option of it, behaviour or animal does not exist.
            AnalysisError: nothing recorded, too short, constant, nobody identified: with the numbers.
        """
        from graphlab.store.runs import runs
        from graphlab.store.runs.results import digests

        if what not in WHAT:
            raise UnknownNameError("question", what, WHAT)
        for name in options:
            if name not in OPTIONS[what]:
                raise UnknownNameError(f"option of {what}", name, OPTIONS[what])
        options |= self._about_run(what, behaviors, options.get("run_id"))
        inputs = {"source": runs.hash_source(options["source"])} if options.get("source") is not None else {}
        parameters = {"what": what, "behaviors": behaviors, "animals": animals, "min_confidence": min_confidence}
        parameters |= {key: value for key, value in options.items() if key != "source"}
        run = self._start_run("correlate", parameters, inputs, seed)
        answer = self._answer(what, behaviors, animals, min_confidence, seed, progress, dict(options))
        run.finish(digests(answer.tables), answer.tables, message="; ".join(answer.notes))
        answer.run_id = run.run_id if run.recorded else None
        return answer

    def _about_run(self, what: str, behaviors: Sequence[str] | None, run_id: str | None) -> dict[str, str]:
        """The run that a question is about, so that "the latest" of today and of tomorrow are two runs."""
        from graphlab.activity import against_wiring
        from graphlab.store.wiring.functional_edges import edge_run

        if what == "structure":
            return {"run_id": edge_run(self._folder, run_id)[0]}
        if what == "enrichment":
            if not behaviors or len(behaviors) != 1:
                raise SchemaError("enrichment: name one behaviour, with --behavior or behaviors=[...]")
            return {"run_id": against_wiring.tuning_run(self._folder, run_id, behaviors[0])}
        return {}

    def _answer(
        self,
        what: str,
        behaviors: Sequence[str] | None,
        animals: Sequence[str] | None,
        min_confidence: float | None,
        seed: int,
        progress: Progress | None,
        options: dict[str, Any],
    ) -> Answer:
        from graphlab.activity import against_wiring, correlate
        from graphlab.activity.behavior.families import LEVEL

        if what == "response":
            return self._responses(options.pop("source", None), options.pop("rows", None))
        if what == "structure":
            run_id = options.pop("run_id", None)
            return against_wiring.structure_function(self._folder, run_id, progress, seed=seed, **options)
        if what == "enrichment":
            run_id, level = options.pop("run_id", None), float(options.pop("level", LEVEL))
            return against_wiring.enrichment(
                self._folder, run_id, str(behaviors and behaviors[0]), level, int(options.pop("draws", 2000)), seed
            )
        sessions = self.sessions(animals)
        if what == "tuning":
            return correlate.tuning(sessions, behaviors, min_confidence, progress, seed=seed, **options)
        if what in ("correlation", "lagged"):
            default = "raw" if what == "correlation" else "cross_correlation"
            measure = str(options.pop("measure", default))
            kind = "correlation" if what == "correlation" else "lagged_predictive"
            return correlate.functional(sessions, kind, measure, min_confidence, progress, seed=seed, **options)
        if what == "drivers":
            return correlate.drivers(sessions, behaviors, progress, seed=seed, **options)
        if what == "decoding":
            return correlate.decoding(sessions, behaviors, progress, seed=seed, **options)
        return correlate.encoding(sessions, behaviors, progress, **options)

    def _responses(self, source: Any, rows: str | None) -> Answer:
        from graphlab.activity import correlate
        from graphlab.store.recordings.intake import ids_of_names
        from ingest.recordings.responses import read_responses

        if source is None:
            raise SchemaError("response: name the file of measured responses, source=FILE")
        table = read_responses(source, rows)
        names: set[str] = set()
        for column in ("pre_name", "post_name"):
            if column in table.schema.names:
                names |= set(table.column(column).to_pylist())
        return correlate.responses(table, ids_of_names(self._folder, sorted(names)))
