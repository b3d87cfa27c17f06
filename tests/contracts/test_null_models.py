"""Every null model of ours holds to the contract that other packages are held to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from graphlab.motifs.nulls.models import DEGREES, LABELS, NullModel, NullOptions, Sampler, sample_seed
from graphlab.motifs.nulls.registered import NULL_MODELS, null_model, null_names
from graphlab.testing import NullModelContract
from graphlab.testing.null_models import example_graph, example_options
from queries.snapshot import Snapshot


class TestConfiguration(NullModelContract):
    name = "configuration"


class TestReciprocal(NullModelContract):
    name = "reciprocal"


class TestBlock(NullModelContract):
    name = "block"


class TestSpatial(NullModelContract):
    name = "spatial"


class TestEr(NullModelContract):
    name = "er"


class TestDyad(NullModelContract):
    name = "dyad"


class TestTriads(NullModelContract):
    name = "triads"


class TestWeights(NullModelContract):
    name = "weights"


class TestWeightsPre(NullModelContract):
    name = "weights-pre"


class TestWeightsTypes(NullModelContract):
    name = "weights-types"


KEEPS = {
    "configuration": {"degrees"}, "reciprocal": {"degrees", "reciprocity"}, "block": {"degrees", "types"},
    "spatial": {"degrees", "distances"}, "triads": {"degrees", "reciprocity", "triads"}, "er": {"connections"},
    "dyad": {"connections", "dyads"}, "weights": {"wiring"}, "weights-pre": {"wiring"}, "weights-types": {"wiring"},
}  # fmt: skip


@pytest.mark.parametrize("name", KEEPS)
def test_what_ours_keep_is_not_taken_from_what_they_declare(name: str) -> None:
    assert NULL_MODELS.get(name).keeps == KEEPS[name]


def test_every_null_model_is_held_to_it() -> None:
    assert set(NULL_MODELS.names()) <= {kind.name for kind in NullModelContract.__subclasses__()}


@pytest.mark.parametrize("name", null_names())
def test_weights_travel_with_their_connections(name: str) -> None:
    graph = example_graph()
    drawn = null_model(name).prepare(graph, example_options(), 1).draw(sample_seed(1, 0))
    assert np.array_equal(np.sort(drawn.weight), np.sort(graph.weight))


@dataclass(frozen=True, eq=False)
class _Careless(Sampler):
    """Draws what a null model must not: an overwritten input, a shared generator, or another number of connections."""

    graph: Snapshot
    rng: np.random.Generator
    fault: str

    def draw(self, seed: np.random.SeedSequence) -> Snapshot:
        rng = self.rng if self.fault == "a seed of its own" else np.random.default_rng(seed)
        order = rng.permutation(self.graph.n - 1)
        order = np.append(order, self.graph.n - 1)
        source, target = order[self.graph.sources()], order[self.graph.out_target]
        if self.fault == "a changed graph":
            self.graph.weight[:] = 1.0
        meta = {"null": "careless"}
        return Snapshot.from_edges(self.graph.root_ids, source, target, self.graph.weight.copy(), meta)


@dataclass(frozen=True)
class Careless:
    """A null model with one fault."""

    fault: str
    keeps: frozenset[str]
    needs: frozenset[str] = frozenset()
    name: str = "careless"

    def prepare(self, snapshot: Snapshot, options: NullOptions, seed: int) -> Sampler:
        if self.fault == "labels behind the back":
            assert options.labels is not None
        return _Careless(snapshot, np.random.default_rng(seed), self.fault)

    def sentence(self, options: NullOptions) -> str:
        return f"Null '{self.name}'."


@pytest.mark.parametrize(
    ("fault", "test"),
    [
        ("degrees that are not kept", "test_draws_keep_what_it_says"),
        ("a seed of its own", "test_same_seed_same_bytes"),
        ("a changed graph", "test_the_graph_stays_as_it_is"),
        ("labels behind the back", "test_needs_are_declared"),
        ("labels it does not look at", "test_needs_are_declared"),
        ("an unknown word", "test_words"),
    ],
)
def test_the_contract_finds_faults(fault: str, test: str) -> None:
    keeps = frozenset({"everything"}) if fault == "an unknown word" else frozenset({DEGREES})
    needs = frozenset({LABELS}) if fault == "labels it does not look at" else frozenset()
    careless: NullModel = Careless(fault, keeps, needs)

    class Held(NullModelContract):
        name = "careless"
        null = careless  # type: ignore[assignment]

    with pytest.raises((AssertionError, ValueError)):
        getattr(Held(), test)()
