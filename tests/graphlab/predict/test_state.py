"""The contract of saved predictors: what is read back predicts the same bytes, and arrays of others are refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from graphlab.predict.evaluation.splits import SPLITS
from graphlab.predict.inputs.examples import Examples, Floats, Ints
from graphlab.predict.inputs.features import Inputs
from graphlab.predict.inputs.wiring import WINDOWS
from graphlab.predict.predictor import Declared, Fitted, Predictor, TrainingJournal, known_rows
from graphlab.predict.predictors import PREDICTORS
from graphlab.predict.state import Array, State, array, integer_array, number, with_prefix, without_prefix
from ingest.schema.errors import SchemaError

pytest.importorskip("sklearn")
safetensors = pytest.importorskip("safetensors.numpy")
pytest.importorskip("torch")
Make = Callable[..., Inputs]


@dataclass(frozen=True)
class Commonest(Declared):
    """What another package might bring: everyone is what most are."""

    name: str = "commonest"
    tasks: frozenset[str] = frozenset({"pair", "node"})

    def fit(
        self, inputs: Inputs, known: Ints, classes: int, seed: int, journal: TrainingJournal | None = None
    ) -> Fitted:
        return _Shares(np.bincount(known[known_rows(known)], minlength=classes) / len(known_rows(known)))

    def restore(self, state: State) -> Fitted:
        return _Shares(array(state, "shares", np.float64, 1))

    def sentence(self) -> str:
        return "shares of the classes"


@dataclass(frozen=True, eq=False)
class _Shares:
    shares: Floats

    def predict(self, inputs: Inputs, rows: Ints) -> Floats:
        return np.tile(self.shares, (len(rows), 1))

    def state(self) -> dict[str, Array]:
        return {"shares": self.shares}


def of_kind(task: str) -> list[str]:
    return [name for name, predictor in PREDICTORS if task in predictor.tasks and WINDOWS not in predictor.needs]


def cases() -> Iterator[tuple[Predictor, str]]:
    for task in ("pair", "node"):
        yield from ((PREDICTORS.get(name), task) for name in of_kind(task))
        yield Commonest(), task


@pytest.mark.parametrize(("predictor", "task"), list(cases()), ids=lambda case: getattr(case, "name", case))
def test_what_is_read_back_predicts_the_same_bytes_and_needs_all_of_it(
    predictor: Predictor, task: str, pairs: Examples, nodes: Examples, make_inputs: Make
) -> None:
    examples = pairs if task == "pair" else nodes
    inputs = make_inputs(examples)
    fold = SPLITS.get("class")(examples, 4, np.random.default_rng(0))[0]
    classes = len(examples.classes)
    fitted = predictor.fit(inputs, examples.hidden(fold.train), classes, 7)
    state = fitted.state()
    assert all(isinstance(values, np.ndarray) and values.dtype != object for values in state.values())
    data = safetensors.save({name: np.ascontiguousarray(values) for name, values in state.items()})
    again = predictor.restore(safetensors.load(data))
    everyone = np.arange(examples.m)
    said = fitted.predict(inputs, everyone)
    assert said.shape == (examples.m, classes)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    assert again.predict(inputs, everyone).tobytes() == said.tobytes()
    assert safetensors.save({n: np.ascontiguousarray(v) for n, v in again.state().items()}) == data
    # Who asks has other examples than those trained on, in another order: every pair, or every neuron.
    order = np.random.default_rng(1).permutation(examples.m)[: examples.m // 2]
    ends = {"source": inputs.source[order], "target": inputs.target[order]}
    others = replace(inputs, pair=inputs.pair.rows(order), **ends)
    found = again.predict(others, np.arange(len(order)))
    np.testing.assert_allclose(found, said[order], atol=1e-6)
    # Arrays that are missing are named.
    for name in [*list(state)[:3], *list(state)[-1:]]:
        with pytest.raises(SchemaError, match="does not fit its predictor"):
            predictor.restore({key: values for key, values in state.items() if key != name})


@pytest.mark.parametrize("name", ["identity rates", "label propagation", "graph network"])
def test_neurons_are_known_by_id_not_by_place(name: str, nodes: Examples, make_inputs: Make) -> None:
    """The same graph with a neuron more, first in order and alone: everybody else's answer stays."""
    inputs = make_inputs(nodes)
    fitted = PREDICTORS.get(name).fit(inputs, nodes.hidden(np.arange(0, nodes.m, 2)), 4, 0)
    wider = replace(
        inputs,
        root_ids=np.concatenate([[np.uint64(0)], inputs.root_ids]),
        layers={kind: _moved(weight) for kind, weight in inputs.layers.items()},
        node=replace(inputs.node, values=np.vstack([inputs.node.values[:1], inputs.node.values])),
        source=inputs.source + 1,
        target=inputs.target + 1,
        group=np.concatenate([[inputs.group.max() + 1], inputs.group]),
        total_in=np.concatenate([[0.0], inputs.total_in]),
    )
    everyone = np.arange(nodes.m)
    np.testing.assert_allclose(fitted.predict(wider, everyone), fitted.predict(inputs, everyone), atol=1e-6)


def _moved(weight: object) -> object:
    from scipy import sparse

    found = sparse.coo_array(weight)
    n = found.shape[0] + 1
    return sparse.csr_array((found.data, (found.row + 1, found.col + 1)), shape=(n, n))


def test_prefixes_part_what_they_joined() -> None:
    inner = {"a": np.zeros(2), "b/c": np.ones(1)}
    state = with_prefix("x", inner) | with_prefix("xy", {"a": np.ones(3)})
    assert without_prefix(state, "x").keys() == inner.keys()
    assert without_prefix(state, "y") == {}
    assert number({"k": integer_array(3)}, "k") == 3
    with pytest.raises(SchemaError, match=r"'k' is float64 with 2 dimensions; wanted int64 with 1"):
        number({"k": np.zeros((1, 1))}, "k")
    with pytest.raises(SchemaError, match="'k' has 2 numbers"):
        number({"k": np.zeros(2, dtype=np.int64)}, "k")
