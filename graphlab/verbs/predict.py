"""``graph.predict``: predictors of function and type, trained, tested honestly, asked.

Tests: tests/graphlab/verbs/motifs/test_namespace.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from graphlab.store.embeddings.models import model_names, open_embeddings
from graphlab.verbs.open_graph import Namespace
from ingest.running.progress import Progress
from ingest.running.task_runners import Workers
from ingest.schema.errors import AnalysisError, InterruptedRun

if TYPE_CHECKING:
    from graphlab.predict.ask_model import Predictions
    from graphlab.predict.card import PredictorCard
    from graphlab.predict.proofread.queue import ErrorQueue
    from graphlab.predict.proofread.synapse_labels import LabelledSynapses
    from graphlab.predict.proofread.unseen_types import UnseenTypes
    from graphlab.predict.protocol import StepCallback
    from graphlab.predict.train_model import TrainedModel
    from graphlab.store.embeddings.files import EmbeddingSet


class Predict(Namespace):
    """Predictors of functional connectivity and of cell type, honestly tested, saved in the graph."""

    def train(
        self,
        task: str,
        *,
        predictors: Sequence[str] | None = None,
        split: str | None = None,
        folds: int | None = None,
        seed: int = 0,
        name: str | None = None,
        replace: bool = False,
        keep: str | None = None,
        homologues: str | None = None,
        embeddings: str | None = None,
        bootstraps: int = 200,
        labels_from_connectivity: bool | None = None,
        importance: bool = False,
        controls: bool = False,
        workers: Workers = 1,
        progress: Progress | None = None,
        on_step: StepCallback | None = None,
        **settings: object,
    ) -> TrainedModel:
        """Test predictors on held-out neurons or pairs, and save the recommended one in ``models`` of the graph.

        Args:
            task: ``functional`` (who responds to whom, from measured responses), ``cell-type``, or that of another
                package.
            predictors: names; all that do the task by default.
            split: ``side``, ``class``, ``neuron`` or ``pair``; by default ``neuron`` for pairs, and for neurons
                ``side`` where both have labels, else ``class``.
            folds: how often to hold out. seed: of splits, fits and intervals.
            name: of the model. replace: whether an earlier model of this name may go.
            keep: the predictor to save, not the recommended one.
            homologues: column with each neuron's partner (root_id, name) or class; ``worm`` for C. elegans names.
            embeddings: model of joined embeddings; ``none``; the only one by default.
            bootstraps: samples of classes for the 95 % intervals.
            labels_from_connectivity: whether the labels were defined with connectivity in view, for the card.
            importance: also tell what the saved predictor's scores rest on, by shuffling and by leaving out.
            controls: also tell what it scores with rewired layers, shuffled labels, leaks and distance; on the card.
            workers: over the fits of every predictor on every fold: a number of threads, or a runner, as
                ``RayTasks()``. A part of an array needs no writing: the folds are its work, and who gathers saves.
            on_step: called after each step of the protocol (``check_leaks`` before anything is fitted).
            settings: of the task. ``cell-type``: ``label``, the column of ``neurons`` with the labels; ``unknown``,
                labels that count as none, in any case (``predict.from_graph.UNKNOWN`` by default); ``least``, labels of
                fewer neurons are left out. ``functional``: ``responses``, run of measured responses, the latest by
                default; ``outsiders``, ``refuse`` or ``leave-out`` responses of neurons that are not in the graph.

        Raises:
            AnalysisError: no labels, one class, nothing measured, responses of unknown neurons, too few classes.
            SchemaError: features that are no numbers, several models of embeddings. LeakError: the split leaks.
            UnknownNameError: no such task, setting, predictor, split, column, model or run. VersionError: embeddings
            of another segmentation version. MissingExtraError: the gnn extra is missing. InterruptedRun: Ctrl-C.
            StoreError: a model of this name is here. In all cases nothing is saved. PartDone: the fits of a part are
            kept in its folder, others are missing, or the graph is open for reading only.
        """
        from graphlab.distributed.array_parts import ArrayPart
        from graphlab.distributed.dynamic_parts import DynamicPart
        from graphlab.distributed.parts_folder import PartDone
        from graphlab.predict.tasks.question import Question
        from graphlab.predict.train_model import TrainingOptions, compare_predictors, train

        question = Question.of(task, homologues, embeddings, **settings)
        plan = TrainingOptions(
            tuple(predictors) if predictors is not None else None, split, folds, seed, bootstraps, name, keep,
            labels_from_connectivity, replace, controls, importance,
        )  # fmt: skip
        try:
            self._join_the_only_model(embeddings)
            if self._folder.read_only and isinstance(workers, ArrayPart | DynamicPart):
                self._require_joined(embeddings)
                compare_predictors(self._folder, question, plan, progress, on_step, workers)
                raise PartDone(getattr(workers, "part", None), getattr(workers, "parts", None), None, 0, workers.folder)
            return train(self._folder, question, plan, progress, on_step, workers)
        except KeyboardInterrupt:
            raise InterruptedRun("stopped; no model was saved, and those of before are as they were") from None

    def ask(
        self,
        model: str,
        *,
        task: str | None = None,
        allow_changed: bool = False,
        progress: Progress | None = None,
    ) -> Predictions:
        """Ask a saved model about every neuron or ordered pair; kept in the table ``predictions``.

        Neurons have a row for every label (``rank`` 1 the most probable), pairs the probability of a response;
        ``was_training`` marks those that the model was fitted on. Rows stand beside those of other runs;
        the same question again replaces its own.

        Args:
            model: its name. task: refuse a model of another task.
            allow_changed: use it on a graph that changed since training; the run says so.

        Raises:
            VersionError: the graph changed since training, or its embeddings are of another model or version.
            AnalysisError: a model of another task. UnknownNameError: no such model. ReadError: a damaged file.
        """
        from graphlab.predict.ask_model import predict

        try:
            return predict(self._folder, model, task=task, allow_changed=allow_changed, progress=progress)
        except KeyboardInterrupt:
            raise InterruptedRun("stopped; the table of predictions is as it was") from None

    def label_synapses(
        self,
        model: str,
        *,
        least_probability: float | None = None,
        allow_changed: bool = False,
        progress: Progress | None = None,
    ) -> LabelledSynapses:
        """Give synapses the compartment that a model says of their embedded nodes.

        Synapses stand at embedded nodes since ``graph.embeddings.place_synapses``. A node counts where its conformal
        set holds its most probable label alone and it is not strange; all others leave their synapses unknown, and are
        counted. What a source or a skeleton says of a synapse stays. Rows are in ``synapse_compartments``, and
        ``connections_by_compartment`` follows.

        Args:
            model: a saved model of the task ``subcompartment``. allow_changed: as of ``ask``.
            least_probability: what a label must have, too; needed where the model has no sets.

        Raises:
            SchemaError: synapses are not placed on these embeddings. AnalysisError: a model of another task, or one
            that says nothing of its doubt. StoreError: the graph is open for reading only. Others as of ``ask``.
        """
        from graphlab.predict.proofread.synapse_labels import label_synapses

        try:
            return label_synapses(
                self._folder, model, least_probability=least_probability, allow_changed=allow_changed, progress=progress
            )
        except KeyboardInterrupt:
            raise InterruptedRun("stopped; compartments of synapses are as they were") from None

    def merge_errors(self, model: str, *, most: int = 100, least: int = 3, allow_changed: bool = False) -> ErrorQueue:
        """Neurons that may be two cells by the windows of their embeddings, the likeliest first, each with a link.

        Args:
            model: a saved model of the task ``classifier`` that looks at windows, such as ``conformal sngp``.
            most: rows. least: windows on either side of a cut. allow_changed: as of ``ask``.

        Returns:
            rank, root_id, score (log likelihood of two cells against one), node_id and x_nm, y_nm, z_nm of the cut,
            label, other_label, windows, other_windows, was_training, link (Neuroglancer). All but the link is kept in
            the table ``merge_errors``.

        Raises:
            AnalysisError: a model that does not say what single windows are; no neuron with windows enough. Others as
            of ``ask``.
        """
        from graphlab.predict.proofread.merge_errors import merge_errors

        return merge_errors(self._folder, model, most=most, least=least, allow_changed=allow_changed)

    def split_errors(
        self, *, within_nm: float = 2_000.0, windows: int = 4, most: int = 100, embeddings: str | None = None
    ) -> ErrorQueue:
        """Pairs of segments that may be one cell: their embeddings agree where they end near each other.

        Args:
            within_nm: how near two ends are. windows: looked at beside each end. most: rows.
            embeddings: the model; the only one by default. No labels are needed.

        Returns:
            rank, root_id, other_root_id, score (log likelihood of one cable against two), gap_nm, x_nm, y_nm, z_nm
            (half way between the ends), link (Neuroglancer). All but the link is kept in the table ``split_errors``.

        Raises:
            AnalysisError: no two segments end near each other, too few ends to learn from. SchemaError: no embeddings,
            or several models and none named.
        """
        from graphlab.predict.proofread.split_errors import split_errors

        return split_errors(self._folder, within_nm=within_nm, windows=windows, most=most, embeddings=embeddings)

    def unseen_types(
        self,
        label: str = "cell_type",
        *,
        unseen: Sequence[str] | None = None,
        predictors: Sequence[str] | None = None,
        least: int | None = None,
        seed: int = 0,
        bootstraps: int = 400,
        homologues: str | None = None,
        embeddings: str | None = None,
    ) -> UnseenTypes:
        """How well doubt tells cells of types that nobody taught from those of known types: some are held out whole.

        Args:
            label: column of neurons. unseen: labels to hold out; a third of them, drawn by ``seed``, by default.
            predictors: of the task ``classifier``; by default ``logistic regression``, ``sngp``, ``residual ensemble``.
            least, homologues, embeddings: as of ``train``. bootstraps: samples of cells for the 95 % intervals.

        Returns:
            For each doubt (max softmax and Dempster-Shafer of each predictor, distance to neighbours, Mahalanobis),
            the best first: auroc and f1 with intervals, withheld_known, withheld_strange, ece, f1_without_10, _25,
            _50. Thresholds are from known cells alone. Kept in the table ``unseen_types``.

        Raises:
            AnalysisError: fewer than two labels left to learn, too few cells. UnknownNameError: no such column, label,
            predictor. Others as of ``train``.
        """
        from graphlab.predict.proofread.unseen_types import PREDICTORS, unseen_types

        try:
            self._join_the_only_model(embeddings)
            return unseen_types(
                self._folder, label=label, unseen=unseen, predictors=PREDICTORS if predictors is None else predictors,
                least=least, seed=seed, bootstraps=bootstraps, homologues=homologues, embeddings=embeddings,
            )  # fmt: skip
        except KeyboardInterrupt:
            raise InterruptedRun("stopped; nothing was kept") from None

    def repeatable(self) -> dict[str, Callable[..., object]]:
        """What does the work of a run again, by the verb that the run names, from the run's parameters."""
        from graphlab.predict.proofread import merge_errors, split_errors, synapse_labels, unseen_types

        def again(verb: Callable[..., object], seen: object, placed: object = None, **parameters: object) -> None:
            verb(self._folder, **parameters, repetition=self._repetition)

        def of_model(verb: Callable[..., object], model: str, **parameters: object) -> None:
            again(partial(verb, name=model), **parameters)

        return {
            synapse_labels.VERB: partial(of_model, synapse_labels.label_synapses),
            merge_errors.VERB: partial(of_model, merge_errors.merge_errors),
            split_errors.VERB: partial(again, split_errors.split_errors),
            unseen_types.VERB: partial(again, unseen_types.unseen_types),
        }

    def models(self) -> list[str]:
        """Names of the saved predictors."""
        from graphlab.predict.models import model_names

        return model_names(self.path)

    def cards(self) -> list[PredictorCard]:
        """The cards of the saved predictors, by name.

        Raises:
            ReadError: a damaged card.
        """
        from graphlab.predict.models import card, model_names

        return [card(self.path, name) for name in model_names(self.path)]

    def _require_joined(self, wanted: str | None) -> None:
        """Who gathers would join embeddings that parts, which only read, did not see."""
        there = self._not_joined(wanted)
        if there is not None:
            raise AnalysisError(
                f"neurons are not joined to the embeddings of {there.model} yet, and parts only read the graph; run "
                "graphlab join-embeddings GRAPH first, or give --embeddings none to every part"
            )

    def _join_the_only_model(self, wanted: str | None) -> None:
        """Join neurons to the embeddings by id, as placing synapses does; a version that differs is an error."""
        from graphlab.store.embeddings.places import join_neurons

        there = None if self._folder.read_only else self._not_joined(wanted)
        if there is not None:
            join_neurons(self._folder, there)

    def _not_joined(self, wanted: str | None) -> EmbeddingSet | None:
        """The embeddings that are meant, where neurons are not joined to them; of several none is meant."""
        from graphlab.store.embeddings.places import is_joined

        known = model_names(self._folder)
        if wanted == "none" or not known or (wanted is None and len(known) > 1):
            return None
        there = open_embeddings(self._folder, wanted)
        return None if is_joined(self._folder, there.model) else there
